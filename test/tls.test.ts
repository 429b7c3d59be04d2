import { execFileSync } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { clusterPortOf, commandOf, type RedisCluster, startRedisCluster } from "../scripts/redis-cluster.mjs";
import { ClusteredRedisStore, type RedisClient } from "../src/index.js";
import { ACCESS_KINDS, DOCUMENTED_USER, documentedRules } from "./support/access.js";
import { CLUSTER_CLIENT_KINDS } from "./support/cluster-clients.js";
import { doctor, type Way, worksBy } from "./support/deployment.js";
import { eventually } from "./support/eventually.js";
import { useRawRedis } from "./support/raw-redis.js";

const directory = mkdtempSync(join(tmpdir(), "sessionmesh-tls-"));
afterAll(() => rmSync(directory, { recursive: true }));
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
const redis = useRawRedis({ args: ["--tls-port", `${tlsPort}`, ...TLS] });
beforeAll(async () => {
  await redis.send("ACL", "SETUSER", DOCUMENTED_USER.username, ...documentedRules());
});

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
];

describe.each(ACCESS_KINDS)("with $name", (kind) => {
  test.each(WAYS)("commands and the subscription use $name", async ({ access, seen }) => {
    await worksBy(kind, { access, seen }, redis.send);
  });

  test("a wrong CA is refused", async () => {
    const other = { at: { port: tlsPort }, ca: readFileSync(join(directory, "server.csr"), "utf8") };
    await expect(kind.open(other)).rejects.toThrow();
  });
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

describe("sessionmesh doctor", () => {
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
});
