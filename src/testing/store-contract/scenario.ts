import assert from "node:assert/strict";
import type { SessionMeshError } from "../../errors.js";
import type { Session } from "../../session/session.js";
import type { SessionStore } from "../../stores/store.js";

export type Store = SessionStore<unknown>;

/** How a case says what kind of store it needs. */
export interface MakeStoreOptions {
  /** Life of a session that says nothing else, in milliseconds. Default: the store's own default. */
  readonly ttlMs?: number;
  /** How many sessions a user may have. Default: as many as come. */
  readonly maxSessionsPerUser?: number;
}

/** What a case works with. */
export interface Scenario {
  /** A store with nothing in it. */
  readonly store: Store;
  /** Makes another one; it is closed after the case, like the first. */
  open(options: MakeStoreOptions): Promise<Store>;
}

/** Cases by name. */
export type Cases = Readonly<Record<string, (scenario: Scenario) => Promise<void>>>;

/** Plays one case. */
export async function play(
  run: (scenario: Scenario) => Promise<void>,
  makeStore: (options: MakeStoreOptions) => Store | Promise<Store>,
): Promise<void> {
  const stores: Store[] = [];
  const open = async (options: MakeStoreOptions) => {
    const store = await makeStore(options);
    stores.push(store);
    return store;
  };
  try {
    await run({ store: await open({}), open });
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

/** Asserts that this rejects with an error of this class. */
export async function rejects<E extends SessionMeshError>(
  outcome: Promise<unknown>,
  errorClass: abstract new (...args: never[]) => E,
): Promise<E> {
  const error: unknown = await outcome.then(
    () => assert.fail(`resolved instead of being rejected with ${errorClass.name}`),
    (reason) => reason,
  );
  if (!(error instanceof errorClass)) throw error;
  return error;
}

/** Reads a session that must be there. */
export async function read(store: Store, id: string): Promise<Session<unknown>> {
  const session = await store.get(id);
  assert.ok(session, "there is no such session");
  return session;
}

/** Everything that a listing yields. */
export async function listed<I>(items: AsyncIterable<I>): Promise<I[]> {
  const list: I[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A predicate for sessions whose data has this value under this key. */
export function having(key: string, value: unknown) {
  return ({ data }: Session<unknown>) => (data as Record<string, unknown>)[key] === value;
}
