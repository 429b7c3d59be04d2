import assert from "node:assert/strict";
import { InvalidOptionError } from "../../errors.js";
import type { CreateOptions, DeleteOptions, WriteOptions } from "../../stores/store.js";
import { type Cases, rejects, type Scenario, type Store } from "./scenario.js";

type BadOptions = Readonly<Record<string, readonly [option: string, value: unknown]>>;

const BAD_LIVES: BadOptions = {
  "a TTL of zero": ["ttlMs", 0],
  "a negative TTL": ["ttlMs", -1],
  "a fraction of a millisecond": ["ttlMs", 1.5],
  "an endless TTL": ["ttlMs", Number.POSITIVE_INFINITY],
  "a TTL that is not a number": ["ttlMs", Number.NaN],
  "a TTL in a string": ["ttlMs", "1000"],
  "null as TTL": ["ttlMs", null],
  "a TTL of more than a hundred years": ["ttlMs", 100 * 365 * 86_400_000 + 1],
  "an end in the past": ["expiresAtMs", Date.now() - 1],
  "the end of 1970": ["expiresAtMs", 0],
  "no end": ["expiresAtMs", Number.POSITIVE_INFINITY],
  "an end that is not a number": ["expiresAtMs", Number.NaN],
  "an end in a string": ["expiresAtMs", "2100-01-01"],
  "an end in more than a hundred years": ["expiresAtMs", Date.now() + 101 * 365 * 86_400_000],
  "a misspelt option": ["ttl", 1_000],
};

const BAD_CREATIONS: BadOptions = {
  "an absolute TTL of zero": ["absoluteTtlMs", 0],
  "an endless absolute TTL": ["absoluteTtlMs", Number.POSITIVE_INFINITY],
  "an absolute TTL of more than a hundred years": ["absoluteTtlMs", 100 * 365 * 86_400_000 + 1],
  "a user without a name": ["user", ""],
  "a user that is not a string": ["user", 42],
  "a user of 257 characters": ["user", "u".repeat(257)],
  "a user that has more than 256 characters when percent-encoded": ["user", "é".repeat(43)],
  "a user that is not well-formed Unicode": ["user", "a\ud800"],
  "a revision for a new session": ["ifRevision", "a"],
};

const BAD_CONDITIONS: BadOptions = {
  "a revision that is not a string": ["ifRevision", 1],
  "null as revision": ["ifRevision", null],
};

const BAD_READS: BadOptions = {
  "a consistency that is none": ["consistency", "eventual"],
  "null as consistency": ["consistency", null],
};

const BAD_DELETIONS: BadOptions = {
  "a word that is no boolean": ["tombstone", "no"],
  "null as tombstone": ["tombstone", null],
};

const MISSPELT: BadOptions = { "a misspelt option": ["ifRevison", "a"] };

/** Calls a method with bad options, and checks that it says so and leaves the session alone. */
function refuses(
  call: (store: Store, id: string, options: object) => Promise<unknown>,
  [option, value]: readonly [string, unknown],
) {
  return async ({ store }: Scenario) => {
    const session = await store.create({ n: 1 });
    const error = await rejects(call(store, session.id, { [option]: value }), InvalidOptionError);
    assert.ok(error.option.startsWith(option), `it blames ${error.option}`);
    assert.deepEqual(await store.get(session.id), session);
    assert.equal(await store.size(), 1);
  };
}

function refusals(
  method: string,
  call: (store: Store, id: string, options: object) => Promise<unknown>,
  ...tables: BadOptions[]
): Cases {
  const rows = tables.flatMap((table) => Object.entries(table));
  return Object.fromEntries(rows.map(([kind, bad]) => [`${method} refuses ${kind}`, refuses(call, bad)]));
}

/** What options may be. */
export const OPTIONS: Cases = {
  ...refusals(
    "create()",
    (store, _id, options: CreateOptions) => store.create({}, options),
    BAD_LIVES,
    BAD_CREATIONS,
  ),
  ...refusals(
    "set()",
    (store, id, options: WriteOptions) => store.set(id, {}, options),
    BAD_LIVES,
    BAD_CONDITIONS,
    MISSPELT,
  ),
  ...refusals("get()", (store, id, options) => store.get(id, options), BAD_READS, MISSPELT),
  ...refusals("update()", (store, id, options) => store.update(id, () => ({}), options), BAD_LIVES),
  ...refusals("touch()", (store, id, options) => store.touch(id, options), BAD_LIVES),
  ...refusals(
    "delete()",
    (store, id, options: DeleteOptions) => store.delete(id, options),
    BAD_CONDITIONS,
    BAD_DELETIONS,
    MISSPELT,
  ),

  "a life is either a duration or an end": async ({ store }) => {
    const { id } = await store.create({});
    const both = { ttlMs: 1_000_000, expiresAtMs: Date.now() + 1_000_000 };
    await rejects(store.create({}, both), InvalidOptionError);
    await rejects(store.set(id, {}, both), InvalidOptionError);
    await rejects(
      store.update(id, () => ({}), both),
      InvalidOptionError,
    );
    await rejects(store.touch(id, both), InvalidOptionError);
  },

  "an option that is undefined is one that is left out": async ({ store }) => {
    const nothing = { ttlMs: undefined, expiresAtMs: undefined } as object;
    const { id, revision } = await store.create({}, { ...nothing, user: undefined } as object);
    assert.equal(await store.touch(id, nothing), true);
    assert.ok(await store.update(id, (data) => data, nothing));
    const written = await store.set(id, {}, { ...nothing, ifRevision: undefined } as object);
    assert.notEqual(written.revision, revision);
    assert.equal(await store.delete(id, { ifRevision: undefined } as object), true);
  },
};
