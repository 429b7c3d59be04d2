import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { section, tableOf } from "./markdown.js";
import { entries } from "./package-json.js";
import { type Declaration, ROOT, readText, sourceModules } from "./source.js";

const modules = new Map(sourceModules().map((module) => [module.path, module]));

/** What users of a module can name, with the declarations behind the names. */
function publicDeclarations(path: string): Declaration[] {
  const { declarations = [], reexports = [] } = modules.get(path) ?? {};
  const reexported = reexports.map(({ name, original, from }) => {
    const found = publicDeclarations(from).find((declaration) => declaration.name === original);
    if (found === undefined) throw new Error(`${path} re-exports ${original}, which ${from} does not have`);
    return { ...found, name };
  });
  return [...declarations, ...reexported];
}

describe.each(entries)("$specifier", ({ specifier, source, types, code }) => {
  const declarations = publicDeclarations(source);

  test("is built", () => {
    for (const file of [types, code]) expect(existsSync(join(ROOT, file)), file).toBe(true);
  });

  test("exports at run time just what its source says", async () => {
    const values = declarations.filter(({ kind }) => kind !== "interface" && kind !== "type");
    const exported = Object.keys(await import(/* @vite-ignore */ specifier));
    expect(exported.sort()).toEqual(values.map(({ name }) => name).sort());
  });

  test("has a doc comment at everything that it exports", () => {
    expect(declarations).not.toEqual([]);
    expect(declarations.filter(({ documented }) => !documented).map(({ name }) => name)).toEqual([]);
  });
});

test("the entries are the ones that the reference lists", () => {
  const rows = tableOf(section(readText("docs/reference/README.md"), "Entries"));
  expect(rows.map(([entry]) => entry)).toEqual(entries.map(({ specifier }) => `\`${specifier}\``));
});

test("index.ts is nothing but named re-exports", () => {
  const index = modules.get("src/index.ts");
  expect(index).toMatchObject({ declarations: [], hasUnnamedExports: false });
  expect(index?.reexports).not.toEqual([]);
});

test("every default is a documented constant of the root", () => {
  const declared = modules
    .get("src/options.ts")
    ?.declarations.filter(({ name }) => name.startsWith("DEFAULT_"));
  const exported = publicDeclarations("src/index.ts").filter(({ name }) => name.startsWith("DEFAULT_"));
  expect(exported).not.toEqual([]);
  expect(exported.map(({ name }) => name).sort()).toEqual(declared?.map(({ name }) => name).sort());
});

/** The names that are fixed: programs outside of this repository use them. */
const STABLE_VALUES = {
  sessionmesh: ["ClusterCoordinator", "ClusteredRedisStore", "LocalCache", "MemoryStore", "RedisStore"],
  "sessionmesh/better-auth": ["betterAuthStorage"],
  "sessionmesh/express": ["ExpressSessionStore"],
  "sessionmesh/unstorage": ["unstorageDriver"],
};
const STORE_METHODS = [
  ...["start", "get", "peek", "create", "set", "update", "touch", "delete", "clear", "size", "ids", "all"],
  ...["find", "count", "deleteWhere", "healthy", "close"],
];
const STABLE_METHODS = {
  ClusteredRedisStore: [...STORE_METHODS, "cacheStats", "evictFromCache"],
  RedisStore: STORE_METHODS,
  MemoryStore: STORE_METHODS,
  LocalCache: ["get", "set", "delete", "clear", "size", "stats", "resetStats"],
  ClusterCoordinator: ["start", "close", "running", "lease"],
};

describe("the stable names", () => {
  test.each(Object.entries(STABLE_VALUES))("of %s are exported", async (specifier, names) => {
    expect(Object.keys(await import(/* @vite-ignore */ specifier))).toEqual(expect.arrayContaining(names));
  });

  test.each(Object.entries(STABLE_METHODS))("of a %s are there", async (name, methods) => {
    const exported = Object.entries(await import(/* @vite-ignore */ "sessionmesh"));
    const found = exported.find(([candidate]) => candidate === name)?.[1] as { prototype: object };
    expect(methods.filter((method) => !(method in found.prototype))).toEqual([]);
  });
});
