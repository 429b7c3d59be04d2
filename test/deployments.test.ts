import { execFileSync } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { clusterPortOf, commandOf, type RedisCluster, startRedisCluster } from "../scripts/redis-cluster.mjs";
import { ClusteredRedisStore, type RedisClient } from "../src/index.js";
import { sessionStoreContract } from "../src/testing/index.js";
import {
  ACCESS_KINDS,
  type Access,
  type AccessKind,
  DOCUMENTED_USER,
  documentedRules,
} from "./support/access.js";
import { CLUSTER_CLIENT_KINDS } from "./support/cluster-clients.js";
import { eventually } from "./support/eventually.js";
import { Program } from "./support/program.js";
import { useRawRedis } from "./support/raw-redis.js";

const directory = mkdtempSync(join(tmpdir(), "sessionmesh-access-"));
afterAll(() => rmSync(directory, { recursive: true }));
const socketPath = join(directory, "redis.sock");
/** Above the ports of `startRedis()`, and below the range for outgoing connections. */
const tlsPort = randomInt(20_000, 32_000);

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
}

/** A CA, and a certificate for `localhost` that it has signed. */
function makeCertificates(): void {
  const key = ["-newkey", "rsa:2048", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Test CA",
    "-days",
    "2",
  );
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost");
  writeFileSync(join(directory, "extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions"];
  openssl("x509", "-req", "-in", "server.csr", ...signing, "-out", "server.pem", "-days", "2");
}
makeCertificates();
const ca = readFileSync(join(directory, "ca.pem"), "utf8");

const TLS = [
  ...["--tls-auth-clients", "no", "--tls-ca-cert-file", join(directory, "ca.pem")],
  ...["--tls-cert-file", join(directory, "server.pem"), "--tls-key-file", join(directory, "server.key")],
];
const redis = useRawRedis({ args: ["--unixsocket", socketPath, "--tls-port", `${tlsPort}`, ...TLS] });
beforeAll(async () => {
  await redis.send("ACL", "SETUSER", DOCUMENTED_USER.username, ...documentedRules());
  await redis.send("ACL", "SETUSER", "selects", "on", ">secret", "~*", "&*", "+@all");
});

/** One node. Its channel is one that the documented user may use. */
async function nodeOn(kind: AccessKind, access: Access, channel: string) {
  const { client, close } = await kind.open(access);
  onTestFinished(close);
  const cluster = { channel, maxStalenessMs: 700 };
  const store = new ClusteredRedisStore<{ n: number }>({ client, commandTimeoutMs: 600, cluster });
  onTestFinished(() => store.close());
  await store.start();
  return store;
}

const newChannel = () => `session:cluster:invalidate:${randomUUID()}`;

/** The fields of each connection that CLIENT LIST names, except our own. */
async function connections(): Promise<Record<string, string>[]> {
  const list = String(await redis.send("CLIENT", "LIST"));
  const all = list
    .trim()
    .split("\n")
    .map((line) => Object.fromEntries(line.split(" ").map((field) => field.split(/=(.*)/s))));
  const own = String(await redis.send("CLIENT", "ID"));
  return all.filter(({ id }) => id !== own);
}

interface Way {
  readonly name: string;
  readonly access: () => Access;
  /** What CLIENT LIST says of each of its connections. */
  readonly seen: Record<string, unknown>;
}

const WAYS: readonly Way[] = [
  {
    name: "TLS, with a CA of one's own",
    access: () => ({ at: { port: tlsPort }, ca }),
    seen: { laddr: expect.stringMatching(`:${tlsPort}$`) },
  },
  {
    name: "TLS, as the user of the guide",
    access: () => ({ at: { port: tlsPort }, ca, ...DOCUMENTED_USER }),
    seen: { laddr: expect.stringMatching(`:${tlsPort}$`), user: DOCUMENTED_USER.username },
  },
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
    const channel = newChannel();
    const [a, b] = [await nodeOn(kind, access(), channel), await nodeOn(kind, access(), channel)];
    const all = await connections();
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
  });

  test("a wrong CA is refused", async () => {
    const other = { at: { port: tlsPort }, ca: readFileSync(join(directory, "server.csr"), "utf8") };
    await expect(kind.open(other)).rejects.toThrow();
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

describe("a Redis Cluster with TLS", () => {
  let cluster: RedisCluster;
  let tlsPorts: number[];
  beforeAll(async () => {
    cluster = await startRedisCluster({ tls: TLS });
    tlsPorts = (await Promise.all(cluster.nodes.map(clusterPortOf))).map(Number);
  }, 60_000);
  afterAll(() => cluster.stop());

  test.each(CLUSTER_CLIENT_KINDS)("commands and the subscriptions use it, with $name", async (kind) => {
    const options = kind.name.startsWith("node-redis")
      ? {
          rootNodes: tlsPorts.map((port) => ({ url: `rediss://127.0.0.1:${port}` })),
          defaults: { socket: { tls: true, ca } },
        }
      : { redisOptions: { tls: { ca } } };
    const client = kind.create(tlsPorts, options);
    onTestFinished(() => kind.close(client));
    const prefix = `${randomUUID()}:`;
    const store = new ClusteredRedisStore<{ n: number }>({
      client: client as unknown as RedisClient,
      prefix,
    });
    onTestFinished(() => store.close());
    await store.start();
    const { id } = await store.create({ n: 1 });
    await eventually(async () => (await store.get(id)) !== undefined && store.peek(id) !== undefined);
    await store.update(id, ({ n }) => ({ n: n + 1 }));
    expect((await store.get(id, { consistency: "strong" }))?.data.n).toBe(2);
    expect(await store.delete(id)).toBe(true);
    for (const node of cluster.nodes) {
      const list = String(await commandOf(node, "CLIENT", "LIST", "TYPE", "pubsub"));
      const subscribed = list.split("\n").filter((line) => line.includes("addr="));
      expect(subscribed.filter((line) => line.includes(`:${node.port} `))).toEqual([]);
    }
    expect(store.coordinator?.lease.held).toBe(true);
  });
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
  const doctor = async (url: string, env: NodeJS.ProcessEnv = {}) => {
    const program = new Program("dist/cli/main.js", env, ["doctor", "--url", url]);
    const code = await program.ended();
    return { code, output: program.output };
  };

  test("trusts the CA that NODE_EXTRA_CA_CERTS names, and says so where it is not named", async () => {
    const url = `rediss://localhost:${tlsPort}`;
    const trusted = await doctor(url, { NODE_EXTRA_CA_CERTS: join(directory, "ca.pem") });
    expect(trusted).toMatchObject({ code: 0, output: expect.stringContaining("Sessions work") });
    const { code, output } = await doctor(url);
    expect(code).toBe(1);
    expect(output).toMatch(/^problem +TLS .*\n.*NODE_EXTRA_CA_CERTS/m);
  });

  test("says that a server which hangs up may expect TLS", async () => {
    const { code, output } = await doctor(`redis://localhost:${tlsPort}`);
    expect(code).toBe(1);
    expect(output).toMatch(/^problem +reachable .*\n.*rediss:/m);
  });

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
