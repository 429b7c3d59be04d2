import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../scripts/with-redis.mjs";
import { DOCUMENTED_USER, documentedRules } from "./support/access.js";
import { eventually } from "./support/eventually.js";
import { Program } from "./support/program.js";
import { useRawRedis } from "./support/raw-redis.js";

const MAXMEMORY = ["--maxmemory", "64mb"];
const redis = useRawRedis({ args: MAXMEMORY });
const CLIENTS = ["redis", "ioredis"];

/** Runs `sessionmesh doctor` as a process of its own. */
async function doctor(url: string, ...args: string[]): Promise<{ code: unknown; output: string }> {
  const program = new Program("dist/cli/main.js", { REDIS_URL: url }, ["doctor", ...args]);
  const code = await program.ended();
  return { code, output: program.output };
}

/** A server for one test. */
async function serverWith(...args: string[]) {
  const server = await startRedis({ args });
  onTestFinished(() => server.stop());
  return server;
}

async function send(url: string, ...command: string[]): Promise<unknown> {
  const client = createClient({ url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

const url = () => `redis://127.0.0.1:${redis.port}`;
const has = (status: string, check: string, says: string) =>
  expect.stringMatching(new RegExp(`^${status} +${check} +.*${says}`, "m"));

describe.each(CLIENTS)("with %s", (client) => {
  const look = (at: string, ...args: string[]) => doctor(at, "--client", client, ...args);

  test("a good server", async () => {
    const { code, output } = await look(url());
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringMatching(/^Sessions work: 0 problems/m),
    });
    for (const check of [
      "version",
      "commands",
      "keys",
      "channels",
      "Pub/Sub",
      "round trip",
      "eviction",
      "clock",
    ]) {
      expect(output).toEqual(has("ok", check, "."));
    }
    expect(output).not.toMatch(/^problem/m);
    expect(await redis.send("KEYS", "*")).toEqual([]);
  });

  test("the same, in JSON", async () => {
    const { code, output } = await look(url(), "--json", "--prefix", "app:", "--channel", "app");
    const report = JSON.parse(output);
    expect({ code, ...report }).toMatchObject({ code: 0, server: url(), works: true });
    expect(report.checks).toContainEqual({
      check: "channels",
      status: "ok",
      message: "app and app:* can be heard and written.",
    });
    const warned = report.checks.filter(({ status }: { status: string }) => status === "warning");
    for (const check of warned) expect(check.remedy).toEqual(expect.any(String));
    expect(warned.map(({ check }: { check: string }) => check)).toEqual(["persistence"]);
  });

  test("nothing there", async () => {
    const { code, output } = await look("redis://127.0.0.1:1");
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "reachable", "ECONNREFUSED") });
  });

  test("a wrong password, which is not printed", async () => {
    const { code, output } = await look(`redis://nobody:guess@127.0.0.1:${redis.port}`, "--json");
    expect(code).toBe(1);
    expect(output).not.toContain("guess");
    expect(JSON.parse(output)).toMatchObject({
      server: `redis://nobody@127.0.0.1:${redis.port}`,
      works: false,
      checks: [{ check: "authenticated", status: "problem", message: expect.stringContaining("WRONGPASS") }],
    });
  });

  test("no password where one is needed", async () => {
    const server = await serverWith("--requirepass", "secret");
    const { code, output } = await look(server.url);
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "authenticated", "NOAUTH") });
    expect(await look(`redis://:secret@127.0.0.1:${server.port}`)).toMatchObject({ code: 0 });
  });

  test("a database that is not there", async () => {
    const { code, output } = await look(`${url()}/77`);
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "database", "out of range") });
  });

  test("a replica, and its master", async () => {
    const master = await serverWith(...MAXMEMORY);
    const replica = await serverWith("--replicaof", "127.0.0.1", String(master.port));
    const info = () => send(replica.url, "INFO", "replication");
    await eventually(async () => String(await info()).includes("master_link_status:up"));
    const { code, output } = await look(replica.url);
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "role", `127.0.0.1:${master.port}`) });
    expect(output).not.toContain("round trip");
    expect(await look(master.url)).toEqual({ code: 0, output: has("warning", "replication", "1 replica;") });
    await send(master.url, "CONFIG", "SET", "min-replicas-to-write", "1");
    expect(await look(master.url)).toEqual({ code: 0, output: has("ok", "replication", "write is 1") });
    for (const lag of ["0", "60"]) {
      await send(master.url, "CONFIG", "SET", "min-replicas-max-lag", lag);
      const { output } = await look(master.url);
      expect(output).toEqual(has("warning", "replication", `max-lag ${lag}`));
      expect(output).toContain("no bound on staleness holds in a split brain");
    }
    expect(await send(master.url, "DBSIZE")).toBe(0);
  });

  test("a node of a cluster", async () => {
    const server = await serverWith("--cluster-enabled", "yes", ...MAXMEMORY);
    expect(await look(server.url)).toEqual({ code: 1, output: has("problem", "cluster", "is down") });
    await send(server.url, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await isInOrder(server.url);
    await send(server.url, "CONFIG", "SET", "cluster-require-full-coverage", "no");
    const { code, output } = await look(server.url);
    expect({ code, output }).toEqual({ code: 0, output: has("ok", "cluster", "one of its partitions") });
    expect(output).toEqual(has("ok", "round trip", "."));
    expect(output).toEqual(has("ok", "partitions", "no record of it yet"));
    expect(output).toEqual(has("ok", "failover", "after 15000 ms .* for 2000 ms"));
    expect(output).toEqual(has("warning", "replicas", "1 of 1 masters"));
    expect(output).not.toMatch(/coverage/);
    expect(await send(server.url, "DBSIZE")).toBe(0);
    await send(server.url, "CONFIG", "SET", "cluster-require-full-coverage", "yes");
    await send(server.url, "CONFIG", "SET", "cluster-node-timeout", "30000");
    const cautious = await look(server.url);
    expect(cautious).toEqual({ code: 0, output: has("warning", "coverage", "stops all others") });
    expect(cautious.output).toEqual(has("warning", "failover", "30000 ms"));
  });

  test("a node of a cluster in which slots are nobody's", async () => {
    const server = await serverWith("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no");
    await send(server.url, "CLUSTER", "ADDSLOTSRANGE", "0", "8191");
    await isInOrder(server.url);
    const output = has("problem", "masters", "8 of 16 partitions");
    expect(await look(server.url)).toEqual({ code: 1, output });
    const two = has("problem", "masters", "1 of 2 partitions");
    expect(await look(server.url, "--partitions", "2")).toEqual({ code: 1, output: two });
  });

  test("a node of a cluster that has no slots", async () => {
    const server = await serverWith("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no");
    await send(server.url, "CLUSTER", "ADDSLOTS", "1"); // of no partition
    await eventually(async () => String(await send(server.url, "CLUSTER", "INFO")).includes("state:ok"));
    const { code, output } = await look(server.url);
    expect({ code, output }).toEqual({
      code: 1,
      output: has("problem", "cluster", "master of no partition"),
    });
  });
});

async function isInOrder(url: string): Promise<void> {
  await eventually(async () => String(await send(url, "CLUSTER", "INFO")).includes("state:ok"));
}

describe("a node of a cluster, as a user", () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  beforeAll(async () => {
    server = await startRedis({ args: ["--cluster-enabled", "yes", ...MAXMEMORY] });
    await send(server.url, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await isInOrder(server.url);
  });
  afterAll(() => server.stop());

  const asUser = async (...rules: string[]) => {
    await send(server.url, "ACL", "SETUSER", "limited", "reset", "on", ">secret", ...rules);
    return `redis://limited:secret@127.0.0.1:${server.port}`;
  };
  const ALL = ["allkeys", "allchannels", "+@all"];
  const limited = async (...rights: string[]) => asUser(...ALL, ...rights);

  test.each([
    [
      ["-spublish"],
      "problem",
      "channels",
      "SPUBLISH is forbidden: no session can be written",
      'pubsub to "plain"',
    ],
    [
      ["-ssubscribe"],
      "problem",
      "channels",
      "SSUBSCRIBE is forbidden: no node can hold a lease",
      'pubsub to "plain"',
    ],
    [["-setnx"], "problem", "commands", "SETNX is forbidden", "\\+setnx"],
    [["-cluster"], "problem", "commands", "CLUSTER.SLOTS is forbidden: no client", "\\+cluster.slots"],
    [["-asking"], "problem", "commands", "ASKING is forbidden", "\\+asking"],
    [["-readwrite"], "problem", "commands", "READWRITE is forbidden", "\\+readwrite"],
    [["-cluster|shards"], "warning", "commands", "CLUSTER.SHARDS is forbidden", "\\+cluster.shards"],
    [
      ["resetkeys", "~sess:*", "~sessionmesh:[^l]*"],
      "problem",
      "keys",
      "sessionmesh:layout:sess:",
      "~sessionmesh:layout",
    ],
  ])("with %j: a %s", async (rights, status, check, says, remedy) => {
    const { code, output } = await doctor(await limited(...rights));
    expect({ code, output }).toEqual({
      code: status === "problem" ? 1 : 0,
      output: has(status, check, says),
    });
    expect(output).toMatch(new RegExp(`^ +.*${remedy}`, "m"));
    expect(await send(server.url, "DBSIZE")).toBe(0);
  });

  test("that has no sharded Pub/Sub, sessions work with what is plain, and the other way round", async () => {
    const plain = await limited("-spublish", "-ssubscribe");
    expect(await doctor(plain, "--pubsub", "plain")).toEqual({
      code: 0,
      output: has("ok", "round trip", "told"),
    });
    const sharded = await limited("-publish", "-subscribe");
    expect(await doctor(sharded)).toEqual({ code: 0, output: has("ok", "round trip", "told") });
    const output = has("problem", "channels", " PUBLISH is forbidden");
    expect(await doctor(sharded, "--pubsub", "plain")).toEqual({ code: 1, output });
  });

  test("that the guide recommends", async () => {
    await send(
      server.url,
      "ACL",
      "SETUSER",
      DOCUMENTED_USER.username,
      ...documentedRules("docs/guide/cluster.md"),
    );
    const { username, password } = DOCUMENTED_USER;
    const { code, output } = await doctor(`redis://${username}:${password}@127.0.0.1:${server.port}`);
    expect({ code, output }).toEqual({ code: 0, output: has("ok", "commands", "All \\d+") });
    expect(output).toEqual(has("ok", "round trip", "."));
  });

  test("goes by how the sessions are split, as it is recorded", async () => {
    const at = await limited();
    await send(server.url, "SET", "sessionmesh:layout:sess:", "1 8 plain");
    const recorded = has("ok", "partitions", "partitions 8 .* as it is recorded");
    expect(await doctor(at)).toEqual({ code: 0, output: recorded });
    const otherwise = has("problem", "partitions", '"1 8 plain".*cluster.partitions 16 .* is refused');
    expect(await doctor(at, "--partitions", "16")).toEqual({ code: 1, output: otherwise });
    expect(await doctor(at, "--pubsub", "sharded")).toMatchObject({ code: 1 });
    expect(await doctor(at, "--partitions", "8", "--pubsub", "plain")).toEqual({ code: 0, output: recorded });
    await send(server.url, "DEL", "sessionmesh:layout:sess:");
  });
});

describe("settings:", () => {
  test.each([
    ["noeviction", "ok", 0],
    ["volatile-ttl", "warning", 0],
    ["volatile-lru", "warning", 0],
    ["allkeys-lru", "problem", 1],
    ["allkeys-lfu", "problem", 1],
  ])("maxmemory-policy %s: %s", async (policy, status, exitCode) => {
    await redis.send("CONFIG", "SET", "maxmemory-policy", policy);
    onTestFinished(() => void redis.send("CONFIG", "SET", "maxmemory-policy", "noeviction"));
    const { code, output } = await doctor(url());
    expect({ code, output }).toEqual({ code: exitCode, output: has(status, "eviction", policy) });
  });

  test.each([
    ["timeout", "0", "300", "timeout", "300 s"],
    [
      "client-output-buffer-limit",
      "pubsub 33554432 8388608 60",
      "pubsub 65536 32768 1",
      "output buffer",
      "65536",
    ],
    ["maxmemory", "64mb", "0", "memory", "no maxmemory"],
  ])("%s: %s is good, %s is not", async (name, good, bad, check, says) => {
    expect(await doctor(url())).toEqual({ code: 0, output: has("ok", check, "") });
    await redis.send("CONFIG", "SET", name, bad);
    onTestFinished(() => void redis.send("CONFIG", "SET", name, good));
    expect(await doctor(url())).toEqual({ code: 0, output: has("warning", check, says) });
  });

  test("a full memory", async () => {
    await redis.send("CONFIG", "SET", "maxmemory", "1mb"); // less than an empty server takes
    onTestFinished(() => void redis.send("CONFIG", "SET", "maxmemory", "64mb"));
    const { code, output } = await doctor(url());
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "round trip", "OOM") });
    expect(output).toEqual(has("warning", "memory", "% of 1 MiB"));
  });

  test("an append-only file", async () => {
    const server = await serverWith("--appendonly", "yes");
    expect(await doctor(server.url)).toEqual({ code: 0, output: has("ok", "persistence", "append-only") });
  });

  test("a snapshot that failed", async () => {
    const server = await serverWith("--dbfilename", "taken");
    const { dir } = (await send(server.url, "CONFIG", "GET", "dir")) as { dir: string };
    await mkdir(join(dir, "taken"));
    await send(server.url, "BGSAVE");
    await eventually(async () =>
      String(await send(server.url, "INFO", "persistence")).includes("bgsave_status:err"),
    );
    const output = has("problem", "persistence", "last snapshot failed");
    expect(await doctor(server.url)).toEqual({ code: 1, output });
  });

  test("too few replicas", async () => {
    const server = await serverWith("--min-replicas-to-write", "1");
    const { code, output } = await doctor(server.url);
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "round trip", "NOREPLICAS") });
  });
});

describe("rights: a user without", () => {
  const user = () => `redis://limited:secret@127.0.0.1:${redis.port}`;
  beforeAll(async () => {
    await redis.send("ACL", "SETUSER", "limited", "on", ">secret");
  });

  test.each([
    ["-hset", "problem", "commands", "HSET is forbidden", "\\+hset"],
    ["-evalsha", "problem", "commands", "EVALSHA is forbidden", "\\+evalsha"],
    ["-subscribe", "problem", "channels", "SUBSCRIBE is forbidden", "\\+subscribe"],
    ["-publish", "problem", "channels", "PUBLISH is forbidden", "\\+publish"],
    ["-scan", "warning", "commands", "SCAN is forbidden", "\\+scan"],
    ["-info", "warning", "commands", "INFO is forbidden: .*promoted", "\\+info"],
    ["-config", "warning", "settings", "CONFIG is forbidden", "administrator"],
    [
      "resetchannels",
      "problem",
      "channels",
      "session:cluster:invalidate must be heard",
      "&session:cluster:invalidate",
    ],
    ["resetkeys ~sess:*", "problem", "keys", "sessionmesh:meta:session", "~sessionmesh:meta"],
    ["resetkeys ~sessionmesh:*", "problem", "keys", "sess:\\* must be read", "~sess:\\*"],
  ])("%s: a %s", async (rules, status, check, says, remedy) => {
    await redis.send("ACL", "SETUSER", "limited", "allkeys", "allchannels", "+@all", ...rules.split(" "));
    const { code, output } = await doctor(user());
    expect({ code, output }).toEqual({
      code: status === "problem" ? 1 : 0,
      output: has(status, check, says),
    });
    expect(output).toMatch(new RegExp(`^ +.*${remedy}`, "m"));
    expect(await redis.send("KEYS", "*")).toEqual([]);
  });

  test("a command that was renamed", async () => {
    const server = await serverWith("--rename-command", "UNLINK", "");
    const { code, output } = await doctor(server.url);
    expect({ code, output }).toEqual({ code: 1, output: has("problem", "commands", "UNLINK is not there") });
  });
});

test("a wrong command line is told, with exit code 2", async () => {
  const { code, output } = await doctor("", "--json");
  expect({ code, output }).toEqual({
    code: 2,
    output: "Error: --url is required where REDIS_URL is not set. See sessionmesh --help.\n",
  });
  expect(await doctor(url(), "--to", "sessionmesh")).toMatchObject({ code: 2 });
  expect(await doctor("redis://ann:hunter2@:x")).toMatchObject({
    code: 2,
    output: expect.not.stringContaining("hunter2"),
  });
});
