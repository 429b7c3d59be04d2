import { describe, expect, test } from "vitest";
import { layeringViolations, unreachableModules } from "./layering.js";
import { entries, packageJson, programs } from "./package-json.js";
import { parseModule, sourceModules } from "./source.js";

const modules = sourceModules();

describe("the modules of src/", () => {
  test("import downward only, never in a circle, and only the packages that their layer may", () => {
    expect(layeringViolations(modules)).toEqual([]);
  });

  test("are all reachable from an entry of the package", () => {
    const sources = [...entries.map(({ source }) => source), ...programs];
    expect(unreachableModules(modules, sources)).toEqual([]);
  });

  test("import no package that an installation might lack", () => {
    const declared = { ...packageJson.dependencies, ...packageJson.peerDependencies };
    const packages = modules.flatMap(({ imports }) => imports).filter((name) => !/^(src\/|node:)/.test(name));
    expect(packages).not.toEqual([]);
    expect(packages.filter((name) => !(name in declared))).toEqual([]);
  });
});

describe("the layering check finds", () => {
  const violations = (files: Record<string, string>) =>
    layeringViolations(Object.entries(files).map(([path, text]) => parseModule(path, text)));

  test("nothing in a good example", () => {
    const files = {
      "src/errors.ts": "export class E extends Error {}",
      "src/options.ts": 'import { E } from "./errors.js"; export const e = new E();',
      "src/cache/a.ts": 'import { LRUCache } from "lru-cache"; import "node:fs"; import "../options.js"',
      "src/adapters/express.ts": 'import session from "express-session"; import "../cache/a.js";',
      "src/index.ts": 'export { e } from "./options.js"; /** import "redis" */',
    };
    expect(violations(files)).toEqual([]);
  });

  test.each([
    ["an upward import", "src/cache/a.ts", 'import { x } from "../stores/b.js";'],
    ["an upward import of a type", "src/redis/a.ts", 'import type { X } from "../cluster/b.js";'],
    ["an upward import inside a type", "src/redis/a.ts", 'type X = import("../cluster/b.js").X;'],
    ["an upward import at run time", "src/redis/a.ts", 'await import("../cluster/b.js");'],
    ["an upward re-export", "src/redis/a.ts", 'export { x } from "../cluster/b.js";'],
    ["a foundation that knows more", "src/clock.ts", 'import "./session/b.js";'],
    ["a core that knows an edge", "src/stores/a.ts", 'import "../testing/b.js";'],
    ["an edge that knows another", "src/adapters/a.ts", 'import "../testing/b.js";'],
    ["a client package", "src/redis/a.ts", 'import type { RedisClientType } from "redis";'],
    ["a framework in the core", "src/stores/a.ts", 'import { Store } from "express-session";'],
    ["a client adapter outside of its folder", "src/cluster/a.ts", 'import "../redis/ioredis.js";'],
    ["a module of no layer", "src/more/a.ts", ""],
    ["an export of whatever there is", "src/index.ts", 'export * from "./errors.js";'],
    ["a default export", "src/session/a.ts", "export default 1;"],
  ])("%s", (_, path, text) => {
    expect(violations({ [path]: text })).toHaveLength(1);
  });

  test("a circle, through types too", () => {
    const files = {
      "src/cache/a.ts": 'import "./b.js";',
      "src/cache/b.ts": 'import type { C } from "./c.js";',
      "src/cache/c.ts": 'import "./a.js";',
    };
    expect(violations(files)).toEqual([
      "circular: src/cache/a.ts → src/cache/b.ts → src/cache/c.ts → src/cache/a.ts",
    ]);
  });

  test("a module that nothing leads to", () => {
    const parsed = [
      parseModule("src/index.ts", 'export { a } from "./a.js";'),
      parseModule("src/a.ts", ""),
      parseModule("src/b.ts", 'import "./a.js";'),
    ];
    expect(unreachableModules(parsed, ["src/index.ts"])).toEqual(["src/b.ts"]);
  });
});
