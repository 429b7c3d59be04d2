import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusteredRedisStore } from "../src/index.js";
import { sessionStoreContract } from "../src/testing/index.js";
import {
  ACCESS_KINDS,
  type Access,
  type AccessKind,
  DOCUMENTED_USER,
  documentedRules,
} from "./support/access.js";
import { doctor, newChannel, nodeOn, type Way, worksBy } from "./support/deployment.js";
import { eventually } from "./support/eventually.js";
import { useRawRedis } from "./support/raw-redis.js";

const directory = mkdtempSync(join(tmpdir(), "sessionmesh-access-"));
afterAll(() => rmSync(directory, { recursive: true }));
const socketPath = join(directory, "redis.sock");
const redis = useRawRedis({ args: ["--unixsocket", socketPath] });
beforeAll(async () => {
  await redis.send("ACL", "SETUSER", DOCUMENTED_USER.username, ...documentedRules());
  await redis.send("ACL", "SETUSER", "selects", "on", ">secret", "~*", "&*", "+@all");
});

const WAYS: readonly Way[] = [
  {
    name: "a socket in the file system",
    access: () => ({ at: { path: socketPath } }),
    seen: { addr: `${socketPath}:0` },
  },
  {
    name: "a socket, as a user, on a database of its own",
    access: () => ({ at: { path: socketPath }, username: "selects", password: "secret", database: 3 }),
    seen: { addr: `${socketPath}:0`, user: "selects", db: "3" },
  },
  {
    name: "a user and a password",
    access: () => ({ at: { port: redis.port }, ...DOCUMENTED_USER }),
    seen: { user: DOCUMENTED_USER.username },
  },
];

describe.each(ACCESS_KINDS)("with $name", (kind) => {
  test.each(WAYS)("commands and the subscription use $name", async ({ access, seen }) => {
    await worksBy(kind, { access, seen }, redis.send);
  });
});

const CURRENT = ACCESS_KINDS.filter(({ name }) => name.endsWith(" 6"));

describe.each(CURRENT)("the user of the guide may do all that a store does, with $name", (kind) => {
  let opened: Awaited<ReturnType<AccessKind["open"]>>;
  beforeAll(async () => {
    opened = await kind.open({ at: { port: redis.port }, ...DOCUMENTED_USER });
  });
  afterAll(() => opened.close());

  const contract = sessionStoreContract({
    async makeStore(options) {
      const prefix = `sess:${randomUUID()}:`;
      const legacy = { prefix: `sess:old-${randomUUID()}:` };
      const cluster = { channel: newChannel(), maxStalenessMs: 1_500 };
      const { client } = opened;
      const own = { client, prefix, legacy, cluster, commandTimeoutMs: 1_200 };
      const store = new ClusteredRedisStore({ ...own, ...options });
      await store.start();
      return store;
    },
  });
  for (const { name, run } of contract) test.concurrent(name, run);
});

describe("on databases of one server", () => {
  const kind = ACCESS_KINDS[0] as AccessKind;
  const access = (database: number): Access => ({ at: { port: redis.port }, database });

  test("deployments with a channel each have nothing to do with one another", async () => {
    const one = await nodeOn(kind, access(1), newChannel());
    const two = await nodeOn(kind, access(2), newChannel());
    const { id } = await two.create({ n: 2 }, { user: "ann" });
    await two.get(id);
    await one.create({ n: 1 }, { user: "ann" });
    await one.revokeUser("ann");
    expect(two.peek(id)?.data).toEqual({ n: 2 });
    expect((await two.get(id, { consistency: "strong" }))?.data).toEqual({ n: 2 });
    expect(two.coordinator?.stats()).toMatchObject({ chainBreaks: 0, changesReceived: 0 });
  });

  test("deployments with the same channel empty each other's memory, and refuse each other's users", async () => {
    const channel = newChannel();
    const [one, two] = [await nodeOn(kind, access(1), channel), await nodeOn(kind, access(2), channel)];
    const { id } = await two.create({ n: 2 }, { user: "ben" });
    await two.get(id);
    await one.create({ n: 1 });
    await eventually(() => two.peek(id) === undefined);
    expect(two.coordinator?.stats().chainBreaks).toBeGreaterThan(0);
    expect((await two.get(id))?.data).toEqual({ n: 2 });
    await one.revokeUser("ben");
    await eventually(async () => (await two.get(id)) === undefined);
  });
});

describe("sessionmesh doctor", () => {
  test("looks at a server that has a socket in the file system", async () => {
    expect(await doctor(`unix://${socketPath}?db=4`)).toMatchObject({ code: 0 });
    expect(await doctor(`unix://selects:wrong@${socketPath}`)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^problem +authenticated +WRONGPASS/m),
    });
  });

  test("warns of other databases, whose channels are the same", async () => {
    await redis.send("SET", "somebody's", "key");
    const { code, output } = await doctor(`redis://localhost:${redis.port}/5`);
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^warning +database .*db0/m),
    });
  });
});
