import { test } from "vitest";
import { playSeeds } from "./seeds.js";

// In a file of its own, so that it runs beside the other on another core.
test("the histories of seeds 501 to 1000 break no promise", { timeout: 300_000 }, () => playSeeds(501, 500));
