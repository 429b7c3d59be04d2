import { randomUUID } from "node:crypto";
import { expect, onTestFinished } from "vitest";
import { ClusteredRedisStore } from "../../src/index.js";
import type { Access, AccessKind } from "./access.js";
import { eventually } from "./eventually.js";
import { Program } from "./program.js";

type Send = (command: string, ...args: string[]) => Promise<unknown>;

/** A way to a server. */
export interface Way {
  readonly name: string;
  /** How it is reached. */
  readonly access: () => Access;
  /** What CLIENT LIST says of each of its connections. */
  readonly seen: Record<string, unknown>;
}

/** One node. Its channel is one that the documented user may use. */
export async function nodeOn(kind: AccessKind, access: Access, channel: string) {
  const { client, close } = await kind.open(access);
  onTestFinished(close);
  const cluster = { channel, maxStalenessMs: 700 };
  const store = new ClusteredRedisStore<{ n: number }>({ client, commandTimeoutMs: 600, cluster });
  onTestFinished(() => store.close());
  await store.start();
  return store;
}

/** A name for a channel that the documented user may use. */
export const newChannel = () => `session:cluster:invalidate:${randomUUID()}`;

/** The fields of each connection that CLIENT LIST names, except our own. */
async function connections(send: Send): Promise<Record<string, string>[]> {
  const list = String(await send("CLIENT", "LIST"));
  const all = list
    .trim()
    .split("\n")
    .map((line) => Object.fromEntries(line.split(" ").map((field) => field.split(/=(.*)/s))));
  const own = String(await send("CLIENT", "ID"));
  return all.filter(({ id }) => id !== own);
}

/** Lets two nodes work together that reach a server in this way, and looks at all of its connections. */
export async function worksBy(
  kind: AccessKind,
  { access, seen }: Pick<Way, "access" | "seen">,
  send: Send,
): Promise<void> {
  const channel = newChannel();
  const [a, b] = [await nodeOn(kind, access(), channel), await nodeOn(kind, access(), channel)];
  const all = await connections(send);
  expect(all).toHaveLength(4); // of each node one for commands, one for the subscription
  for (const connection of all) expect(connection).toMatchObject(seen);
  expect(all.filter(({ sub }) => sub === "2")).toHaveLength(2);

  const { id } = await a.create({ n: 1 }, { user: "ann" });
  await b.get(id);
  expect(b.peek(id)?.data).toEqual({ n: 1 });
  await a.update(id, ({ n }) => ({ n: n + 1 }));
  await eventually(async () => (await b.get(id))?.data.n === 2);
  await a.revoke(id);
  expect(await b.get(id)).toBeUndefined();
  await eventually(async () => (await a.revoke(id)).acknowledged); // not before both have listened for the bound
}

/** Runs `sessionmesh doctor` as a process of its own. */
export async function doctor(
  url: string,
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: unknown; output: string }> {
  const program = new Program("dist/cli/main.js", env, ["doctor", "--url", url]);
  const code = await program.ended();
  return { code, output: program.output };
}
