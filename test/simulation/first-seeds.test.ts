import { test } from "vitest";
import { playSeeds } from "./seeds.js";

test("the histories of seeds 1 to 500 break no promise", { timeout: 300_000 }, () => playSeeds(1, 500));
