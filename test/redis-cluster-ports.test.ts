import { createHash, randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { commandOf } from "../scripts/redis-cluster.mjs";
import { slotOf } from "../src/redis/cluster-slots.js";
import { clusterPortOf, type RedisClusterClient } from "../src/redis/detect.js";
import type { PubSubMode, RedisClusterPort, RedisPort } from "../src/redis/port.js";
import {
  CLUSTER_CLIENT_KINDS,
  type ClusterClient,
  type ClusterClientKind,
} from "./support/cluster-clients.js";
import { eventually } from "./support/eventually.js";
import { useRedisCluster } from "./support/redis-cluster.js";
import type { RedisServer } from "./support/redis-server.js";

const MODES: readonly PubSubMode[] = ["sharded", "plain"];
const FAILOVER = { timeoutMs: 20_000 };
const SLOT_MOVED = "the slot has moved to another node";

const cluster = useRedisCluster();

/** What one client of each kind sees of one slot. */
interface View {
  readonly port: RedisPort;
  /** A hash tag of the slot, which is a key and a channel as well. */
  readonly tag: string;
  readonly slot: number;
}

/** What came in on a subscription, and why it ended. */
interface Heard {
  readonly messages: string[];
  readonly closes: string[];
  readonly close: () => void;
}

function portsOf(client: ClusterClient): RedisClusterPort {
  return clusterPortOf(client as RedisClusterClient) as RedisClusterPort;
}

/** A slot of its own, for the time of a test. */
function slotOn(ports: RedisClusterPort, mode: PubSubMode = "sharded", tag = `{${randomUUID()}}`): View {
  const slot = slotOf(tag);
  return { tag, slot, port: ports.slot(slot, mode) };
}

/** A port on a client of its own. */
function connect(kind: ClusterClientKind, options?: object): RedisClusterPort {
  const client = kind.create(cluster.topology.ports, options);
  onTestFinished(() => kind.close(client));
  return portsOf(client);
}

async function subscribe({ port }: View, ...channels: string[]): Promise<Heard> {
  const messages: string[] = [];
  const closes: string[] = [];
  const subscription = await port.subscribe({
    channels,
    onMessage: (message) => messages.push(message),
    onClose: (reason) => closes.push(reason),
    signal: new AbortController().signal,
  });
  onTestFinished(() => subscription.close());
  return { messages, closes, close: () => subscription.close() };
}

/** Subscribes and publishes until it is heard: the first attempt may go to a node that is no more the master. */
async function hears(view: View): Promise<void> {
  const { port, tag } = view;
  await eventually(async () => {
    const { messages, closes, close } = await subscribe(view, tag);
    const message = randomUUID();
    await eventually(async () => {
      await port.send([port.publishCommand ?? "PUBLISH", tag, message]);
      return messages.includes(message) || closes.length > 0;
    });
    close();
    expect(messages).toContain(message);
  }, FAILOVER);
}

/** Waits until commands are carried out by this node. */
async function isAt({ port }: View, node: RedisServer): Promise<void> {
  const id = await commandOf(node, "CLUSTER", "MYID");
  await eventually(async () => expect(await port.send(["CLUSTER", "MYID"])).toBe(id));
}

describe.each(CLUSTER_CLIENT_KINDS)("on $name", (kind: ClusterClientKind) => {
  let client: ClusterClient;
  let ports: RedisClusterPort;

  beforeAll(() => {
    client = kind.create(cluster.topology.ports);
    ports = portsOf(client);
  });
  afterAll(() => kind.close(client));

  test("commands that are sent before the client has connected are carried out in their order", async () => {
    const { port, tag } = slotOn(connect(kind));
    const replies = Array.from({ length: 20 }, () => port.send(["INCR", tag]));
    expect(await Promise.all(replies)).toEqual(replies.map((_, n) => n + 1));
  });

  test("a command goes to the master of its key, or of the slot", async () => {
    const { topology } = cluster;
    const reached = new Set<RedisServer>();
    for (let n = 0; n < 6; n++) {
      const view = slotOn(ports, "sharded", `{${n}}`);
      const key = randomUUID();
      await view.port.send(["SET", key, "value"]);
      expect(await commandOf(await topology.masterOf(slotOf(key)), "GET", key)).toBe("value");
      const master = await topology.masterOf(view.slot);
      await isAt(view, master);
      reached.add(master);
    }
    expect(reached.size).toBeGreaterThan(1);
  });

  test("a script is loaded where it is needed, and its errors say nothing of what was sent", async () => {
    const { port, tag } = slotOn(ports);
    const lua = `return redis.call("APPEND", KEYS[1], ARGV[1]) -- ${tag}`;
    const sha1 = createHash("sha1").update(lua).digest("hex");
    const args = ["1", tag, "secret"];
    const error = await port.send(["EVALSHA", sha1, ...args]).catch((e: Error) => e);
    expect(error).toMatchObject({ message: expect.stringMatching(/^NOSCRIPT/) });
    expect(JSON.stringify({ ...(error as Error) })).not.toContain("secret");
    expect(await port.send(["EVAL", lua, ...args])).toBe(6);
    expect(await port.send(["EVALSHA", sha1, ...args])).toBe(12);
  });

  test("keys of two slots are refused", async () => {
    const { port, tag } = slotOn(ports);
    await expect(port.send(["EVAL", "return 1", "2", tag, "other"])).rejects.toThrow(/^CROSSSLOT/);
  });

  test("a client that is closed refuses", async () => {
    const closed = kind.create(cluster.topology.ports);
    const { port, tag } = slotOn(portsOf(closed));
    await port.send(["GET", tag]);
    await kind.close(closed);
    await eventually(() => expect(port.send(["GET", tag])).rejects.toThrow(/closed/i));
  });

  test("addresses that are mapped are followed, those of a slot too that is being moved", async () => {
    const { topology } = cluster;
    const mapped = topology.ports.map((port) => [`127.0.0.1:${port}`, { host: "localhost", port }]);
    const map = Object.fromEntries(mapped);
    const view = slotOn(connect(kind, { nodeAddressMap: map, natMap: map }));
    await hears(view);
    const now = await topology.moveSlot(view.slot, () => view.port.send(["SET", view.tag, "value"]));
    expect(await view.port.send(["GET", view.tag])).toBe("value");
    await isAt(view, now);
  });

  describe.each(MODES)("a %s subscription", (mode) => {
    test("hears several channels in the order in which they were published", async () => {
      const view = slotOn(ports, mode);
      const channels = [`${view.tag}a`, `${view.tag}b`];
      const { messages } = await subscribe(view, ...channels);
      const lua = `for n = 1, 100 do redis.call("${view.port.publishCommand}", ARGV[n % 2 + 1], n) end`;
      await view.port.send(["EVAL", lua, "1", view.tag, ...channels]);
      const published = Array.from({ length: 100 }, (_, n) => `${n + 1}`);
      await eventually(() => expect(messages).toEqual(published));
    });

    test("is lost with its socket, once, and not when it is closed", async () => {
      const view = slotOn(ports, mode);
      const { closes } = await subscribe(view, view.tag);
      const other = await subscribe(view, view.tag);
      other.close();
      await commandOf(await cluster.topology.masterOf(view.slot), "CLIENT", "KILL", "TYPE", "pubsub");
      await eventually(() => expect(closes).toHaveLength(1));
      await hears(view);
      expect(closes).toHaveLength(1);
      expect(other.closes).toEqual([]);
    });
  });
});

describe.each(
  CLUSTER_CLIENT_KINDS.filter(({ name }) => name.startsWith("node-redis")),
)("on $name, a sharded subscription by which is read", (kind) => {
  test.each([
    1, 2,
  ])("gives each read its own reply, while its slot goes and %i channels end", async (channels) => {
    const view = slotOn(connect(kind));
    const { port, tag, slot } = view;
    await hears(view);
    const closes: string[] = [];
    const subscription = await (port.track as NonNullable<RedisPort["track"]>)({
      channels: Array.from({ length: channels }, (_, n) => `${tag}${n}`),
      onMessage: () => {},
      onInvalidated: () => {},
      onClose: (reason) => closes.push(reason),
      signal: new AbortController().signal,
    });
    onTestFinished(() => subscription.close());
    const underWay = [subscription.send(["BLPOP", tag, "1"])];
    for (const text of ["a", "b", "c"]) {
      underWay.push(subscription.send(["EVAL", "return ARGV[1]", "1", tag, text]));
    }
    const { topology } = cluster;
    const master = await topology.masterOf(slot);
    await eventually(async () => /cmd=blpop/.test(String(await commandOf(master, "CLIENT", "LIST"))));
    await goesAndComesBack(master, slot);
    expect(await Promise.all(underWay)).toEqual([null, "a", "b", "c"]);
    if (channels > 1) expect(closes).toEqual([SLOT_MOVED]);
  });
});

/** The slot is another node's for no time at all, which ends what is subscribed in it. */
async function goesAndComesBack(master: RedisServer, slot: number): Promise<void> {
  const admin = new Redis(master.port);
  onTestFinished(() => admin.disconnect());
  const ids = /^(\w+) \S+ master/m.exec(String(await commandOf(master, "CLUSTER", "NODES")));
  const assign = (id: unknown) => ["cluster", "setslot", String(slot), "node", String(id)];
  await admin.multi([assign(ids?.[1]), assign(await commandOf(master, "CLUSTER", "MYID"))]).exec();
}

describe("on all clients,", { timeout: 60_000 }, () => {
  const clients = new Map<ClusterClientKind, ClusterClient>();

  beforeAll(() => {
    for (const kind of CLUSTER_CLIENT_KINDS) clients.set(kind, kind.create(cluster.topology.ports));
  });
  afterAll(async () => {
    for (const [kind, client] of clients) await kind.close(client);
  });

  /** The same slot, as each client sees it. What is done with it names the client when it fails. */
  function slotOnAll(mode: PubSubMode = "sharded") {
    const tag = `{${randomUUID()}}`;
    const views = [...clients].map(([{ name }, client]) => ({ name, ...slotOn(portsOf(client), mode, tag) }));
    const onEach = <T>(use: (view: View) => T | Promise<T>): Promise<T[]> =>
      Promise.all(
        views.map(async ({ name, ...view }) => {
          try {
            return await use(view);
          } catch (cause) {
            throw new Error(`${name}: ${(cause as Error).message}`, { cause });
          }
        }),
      );
    return { tag, slot: slotOf(tag), onEach };
  }

  describe.each(MODES)("a %s subscription", (mode) => {
    test("is lost when its slot goes to another node, and the next one is there", async () => {
      const { slot, onEach } = slotOnAll(mode);
      const open = await onEach(async (view) => ({ view, heard: await subscribe(view, view.tag) }));
      const now = await cluster.topology.moveSlot(slot);
      for (const { view, heard } of open) {
        await eventually(async () => {
          if (mode === "plain") await view.port.send(["GET", view.tag]); // a sharded one is told by its server
          expect(heard.closes).toEqual([SLOT_MOVED]);
        });
      }
      await onEach(async (view) => {
        await hears(view);
        await isAt(view, now);
      });
    });

    test("is lost in a failover on demand, and the next one is at the new master", async () => {
      const { topology } = cluster;
      const { tag, slot, onEach } = slotOnAll(mode);
      await commandOf(await topology.masterOf(slot), "SET", tag, "value");
      const open = await onEach((view) => subscribe(view, tag));
      await topology.failover(slot);
      await onEach(async (view) => {
        expect(await view.port.send(["GET", tag])).toBe("value");
        await hears(view);
        await isAt(view, await topology.masterOf(slot));
      });
      expect(open.map(({ closes }) => closes)).toEqual(open.map(() => [SLOT_MOVED]));
      await topology.settled();
    });
  });

  test("a subscription finds the new master when the old one was killed, without a command for its slot", async () => {
    const { topology } = cluster;
    const { tag, slot, onEach } = slotOnAll();
    const open = await onEach((view) => subscribe(view, tag));
    const old = await topology.killMaster(slot);
    await eventually(() => expect(open.map(({ closes }) => closes.length)).toEqual(open.map(() => 1)));
    await onEach(hears);
    await topology.promoted(slot, old);
    await onEach(async (view) => isAt(view, await topology.masterOf(slot)));
    await topology.settled();
  });

  test("commands find the new master when the old one was killed", async () => {
    const { topology } = cluster;
    const { tag, slot, onEach } = slotOnAll();
    const old = await topology.killMaster(slot);
    await onEach(({ port }) => eventually(() => port.send(["INCR", tag]), FAILOVER));
    await topology.promoted(slot, old);
    expect(await commandOf(await topology.masterOf(slot), "GET", tag)).toBe("4");
    await topology.settled();
  });

  test("commands, and a subscription, find the new master when the old one stands still", async () => {
    const { topology } = cluster;
    const { tag, slot, onEach } = slotOnAll();
    const open = await onEach(async (view) => ({ view, heard: await subscribe(view, tag) }));
    const old = await topology.suspendMaster(slot);
    onTestFinished(() => topology.settled());
    for (const { view, heard } of open) {
      let answers = 0;
      await eventually(() => {
        // like a store, which gives a command up and sends others
        view.port.send(["INCR", tag]).then(
          () => answers++,
          () => {},
        );
        return answers > 0 && heard.closes.length > 0;
      }, FAILOVER);
    }
    await topology.promoted(slot, old);
    await onEach(async (view) => {
      await isAt(view, await topology.masterOf(slot));
      await hears(view);
    });
  });

  test("SCAN goes on at the node where it began, and fails from when the slot is moved", async () => {
    const { tag, slot, onEach } = slotOnAll();
    const keys = Array.from({ length: 50 }, (_, n) => `${tag}:${n}`);
    const master = await cluster.topology.masterOf(slot);
    for (const key of keys) await commandOf(master, "SET", key, "value");
    const step = ({ port }: View, cursor: string) =>
      port.send(["SCAN", cursor, "MATCH", `${tag}:*`, "COUNT", "5"]) as Promise<[string, string[]]>;
    const scanned = async (view: View) => {
      const found = new Set<string>();
      let steps = 0;
      let cursor = "0";
      do {
        const [next, some] = await step(view, cursor);
        for (const key of some) found.add(key);
        cursor = next;
        steps++;
      } while (cursor !== "0");
      expect([...found].sort()).toEqual([...keys].sort());
      expect(steps).toBeGreaterThan(2);
    };
    await onEach(scanned);
    const begun = await onEach(async (view) => ({ view, cursor: (await step(view, "0"))[0] }));
    await cluster.topology.moveSlot(slot, async () => {
      await onEach((view) => expect(step(view, "0")).rejects.toThrow(/^SLOTMOVED/));
    });
    // an old table is no excuse
    for (const { view, cursor } of begun) await expect(step(view, cursor)).rejects.toThrow(/^SLOTMOVED/);
    await onEach((view) => eventually(() => scanned(view)));
    for (const { view, cursor } of begun) await expect(step(view, cursor)).rejects.toThrow(/^SLOTMOVED/);
  });

  test("while a slot is being moved, each command is carried out or refused, and nothing hangs", async () => {
    const { tag, slot, onEach } = slotOnAll();
    const [here, missing] = [`${tag}:here`, `${tag}:missing`];
    await commandOf(await cluster.topology.masterOf(slot), "SET", here, "value");
    const both = ({ port }: View) =>
      port.send(["EVAL", `return redis.call("MGET", unpack(KEYS))`, "2", here, missing]);
    const now = await cluster.topology.moveSlot(slot, () =>
      onEach(async (view) => {
        expect(await view.port.send(["GET", here])).toBe("value");
        await view.port.send(["INCR", missing]); // by the node that takes the slot over
        await expect(both(view)).rejects.toThrow(/^TRYAGAIN/);
      }),
    );
    await onEach(async (view) => {
      expect(await both(view)).toEqual(["value", `${CLUSTER_CLIENT_KINDS.length}`]);
      await isAt(view, now);
    });
  });
});

describe.each(CLUSTER_CLIENT_KINDS.filter(({ name }) => name.startsWith("node-redis")))("on $name", {
  timeout: 60_000,
}, (kind) => {
  test("a replica that has become the master is never read from when it is a replica again", async () => {
    const { topology } = cluster;
    const view = slotOn(connect(kind, { useReplicas: true }));
    await view.port.send(["SET", view.tag, "value"]);
    await topology.failover(view.slot);
    await view.port.send(["GET", view.tag]); // says where it is now
    await isAt(view, await topology.masterOf(view.slot));
    expect(await view.port.send(["CLIENT", "INFO"])).toMatch(/ flags=N /);
    await topology.settled();
  });

  test("a client that connects to a node only when it is used is used", async () => {
    const view = slotOn(connect(kind, { minimizeConnections: true }));
    await hears(view);
  });
});

describe.each(CLUSTER_CLIENT_KINDS.filter(({ name }) => name.startsWith("ioredis")))("on $name", (kind) => {
  test("a client that connects only when it is used is used", async () => {
    const view = slotOn(connect(kind, { lazyConnect: true }));
    await hears(view);
  });
});
