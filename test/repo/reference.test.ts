import { Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { ExpressSessionStore } from "../../src/adapters/express.js";
import * as sessionmesh from "../../src/index.js";
import { anchors, section, sectionTitles, tableOf } from "./markdown.js";
import { parseModule, readText, sourceModules } from "./source.js";

const { ClusterCoordinator, ClusteredRedisStore, ERROR_CODES, LocalCache, MemoryStore, RedisStore } =
  sessionmesh;
const exported = new Map<string, unknown>(Object.entries(sessionmesh));

describe("errors.md", () => {
  const text = readText("docs/reference/errors.md");

  test("has a section for every code, and no other", () => {
    expect(sectionTitles(text)).toEqual(Object.keys(ERROR_CODES));
  });

  test.each(
    Object.entries(ERROR_CODES),
  )("says of %s which class it is, its cause and what to do", (code, name) => {
    const explanation = section(text, code);
    expect(explanation).toMatch(new RegExp(`^${code}\n\n\`${name}\`: `));
    for (const part of ["Thrown by", "Usual causes", "What to do"])
      expect(explanation).toContain(`- **${part}`);
  });

  test.each(Object.entries(ERROR_CODES))("is where the help link of %s leads", (code, name) => {
    const { prototype } = exported.get(name) as { prototype: object };
    const error: sessionmesh.SessionMeshError = Object.create(prototype, { code: { value: code } });
    const [file, anchor = ""] = error.help.split("#");
    expect(file).toBe("sessionmesh/docs/reference/errors.md");
    expect(anchors(text)).toContain(anchor);
  });

  test("knows every error that can be imported", () => {
    const errors = [...exported.keys()].filter((name) => /(?<!^SessionMesh)Error$/.test(name));
    expect(errors.sort()).toEqual(Object.values(ERROR_CODES).sort());
  });
});

const client = new Redis({ lazyConnect: true });
afterAll(() => client.disconnect());

/** Gives one option, by its full name, to whatever takes it; says what happens. */
type Attempt = (option: string, value: unknown) => unknown;

/** `a.b` becomes `{ a: { b: value } }`. */
function nested(option: string, value: unknown): object {
  const [name = "", inner] = option.split(".");
  return { [name]: inner === undefined ? value : { [inner]: value } };
}

const memory = new MemoryStore();
const target = { changed() {}, deleted() {}, flush() {} };
const attempts: Record<string, Attempt> = {
  ClusteredRedisStoreOptions: (option, value) =>
    new ClusteredRedisStore({ client, ...nested(option, value) }),
  RedisStoreOptions: (option, value) => new RedisStore({ client, ...nested(option, value) }),
  LegacyOptions: (option, value) => new RedisStore({ client, legacy: nested(option, value) }),
  DurabilityOptions: (option, value) =>
    new RedisStore({ client, durability: { replicas: 1, timeoutMs: 100, ...nested(option, value) } }),
  MemoryStoreOptions: (option, value) => new MemoryStore(nested(option, value)),
  LocalCacheOptions: (option, value) => new LocalCache(nested(option, value)),
  ClusterCoordinatorOptions: (option, value) =>
    new ClusterCoordinator({ client, target, ...nested(option, value) }),
  CreateOptions: (option, value) => memory.create({}, nested(option, value)),
  WriteOptions: (option, value) => memory.set("a", {}, nested(option, value)),
  DeleteOptions: (option, value) => memory.delete("a", nested(option, value)),
  ReadOptions: (option, value) => memory.get("a", nested(option, value)),
  RotateOptions: (option, value) => memory.rotate("a", "b", { graceMs: 1, ...nested(option, value) }),
  RevokeOptions: (option, value) => memory.revoke("a", nested(option, value)),
  SavingOptions: (option, value) => new ExpressSessionStore({ store: memory, ...nested(option, value) }),
  LifeOptions: (option, value) => memory.create({}).then(({ id }) => memory.touch(id, nested(option, value))),
};

/** The types whose options nobody checks at run time, with the interface that declares them. */
const DECLARED: Record<string, string> = {
  CacheEntryOptions: "src/cache/local-cache.ts",
};

/** What adapters take beside the options of `ClusteredRedisStore`, or what they have another default for. */
const ADAPTED: Record<string, string[]> = {
  SavingOptions: ["onConflict", "rotationGraceMs"],
  BetterAuthStorageOptions: ["prefix"],
  UnstorageDriverOptions: ["prefix", "tombstones"],
};

/** The options that are groups of options. */
const GROUPS: Record<string, readonly string[]> = {
  ClusteredRedisStoreOptions: ["breaker", "cluster", "localCache"],
  RedisStoreOptions: ["breaker"],
};

/** The names that a constructor or method knows, as it says itself when it meets another. */
async function knownOptions(attempt: Attempt, group: string): Promise<string[]> {
  const outcome = Promise.resolve().then(() => attempt(`${group}nonsense`, 1));
  const { message } = (await outcome.catch((error: Error) => error as Error)) as Error;
  const [, names = ""] = /must be one of (.*); received/.exec(message) ?? [];
  return names.split(", ").map((name) => group + name);
}

async function optionsOf(type: string): Promise<string[]> {
  const file = DECLARED[type];
  if (file !== undefined) {
    const declaration = parseModule(file, readText(file)).declarations.find(({ name }) => name === type);
    return [...(declaration?.members ?? [])];
  }
  if (ADAPTED[type] !== undefined) return ADAPTED[type];
  const attempt = attempts[type];
  if (attempt === undefined) throw new Error(`This test does not know who takes ${type}.`);
  const names = await knownOptions(attempt, "");
  const groups = GROUPS[type] ?? [];
  const grouped = await Promise.all(groups.map((group) => knownOptions(attempt, `${group}.`)));
  return [...names.filter((name) => !groups.includes(name)), ...grouped.flat()];
}

describe("configuration.md", () => {
  const text = readText("docs/reference/configuration.md");
  const rowsOf = (type: string) =>
    tableOf(section(text, type)).map(([name = "", value = "", unit = "", rule = "", meaning = ""]) => ({
      name: name.replaceAll("`", ""),
      value,
      unit,
      rule,
      meaning,
    }));
  const types = sectionTitles(text);
  const rows = types.flatMap((type) => rowsOf(type).map((row) => ({ type, ...row })));

  test("has a table for every type of options that can be imported from the root", () => {
    const index = sourceModules().find(({ path }) => path === "src/index.ts");
    const importable = index?.reexports.map(({ name }) => name).filter((name) => /Options$/.test(name));
    // BreakerOptions and ClusterOptions are the `breaker.` and `cluster.` rows of the stores' options
    const imported = types.filter((type) => ADAPTED[type] === undefined);
    expect([...imported, "BreakerOptions", "ClusterOptions"].sort()).toEqual(importable?.sort());
  });

  test.each(types)("lists just the options of %s", async (type) => {
    const names = rowsOf(type).map(({ name }) => name);
    expect(names.sort()).toEqual((await optionsOf(type)).sort());
  });

  test("names every default constant, with its value", () => {
    const named = new Map<string, Set<string>>();
    for (const { value } of rows) {
      const [, shown = "", constant = ""] = /^(.+) \(`(DEFAULT_\w+)`\)$/.exec(value) ?? [];
      if (constant !== "") named.set(constant, (named.get(constant) ?? new Set()).add(shown));
    }
    const constants = [...exported].filter(([name]) => name.startsWith("DEFAULT_"));
    const shown = (value: unknown) =>
      typeof value === "number" ? value.toLocaleString("en-US") : `\`"${value}"\``;
    const expected = constants.map(([name, value]) => [name, new Set([shown(value)])] as const);
    expect(named).toEqual(new Map(expected));
  });

  test("names for each option the constant that the sources give it", () => {
    const sources = sourceModules()
      .map(({ path }) => readText(path))
      .join("\n");
    const wrong = rows.filter(({ name, value }) => {
      const [constant] = /DEFAULT_\w+/.exec(value) ?? [];
      if (constant === undefined) return false;
      return !new RegExp(`\\b${name.split(".").at(-1)}(?:: \\w+)? = ${constant}\\b`).test(sources);
    });
    expect(wrong).toEqual([]);
  });

  test("gives the unit of every option whose name has one", () => {
    for (const { name, unit } of rows) {
      if (name.endsWith("AtMs")) expect(unit, name).toBe("ms since 1970");
      else if (name.endsWith("Ms")) expect(unit, name).toBe("ms");
      else if (/bytes$/i.test(name)) expect(unit, name).toBe("bytes");
    }
  });

  const numbers = rows.filter(({ rule }) => rule.startsWith("whole number"));

  test.each(numbers)("is right that of $type, $name is a $rule", async ({ type, name, rule }) => {
    const [, least, most] = /(?:at least |, )([\d,]+)(?: to ([\d,]+))?/.exec(rule) ?? [];
    const bounds = [least, most].map((bound) => bound && Number(bound.replaceAll(",", "")));
    const refused = [Number(bounds[0]) - 1, 1.5, "1000", Number.POSITIVE_INFINITY];
    if (bounds[1]) refused.push(Number(bounds[1]) + 1);
    for (const value of refused) {
      const attempt = Promise.resolve().then(() => attempts[type]?.(name, value));
      await expect(attempt, String(value)).rejects.toMatchObject({
        code: "INVALID_OPTION",
        option: expect.stringMatching(new RegExp(`(^|\\.)${name.split(".").at(-1)}$`)),
      });
    }
  });
});
