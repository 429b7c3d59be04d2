import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_HELD_BYTES } from "./lane.js";
import { TcpProxy } from "./tcp-proxy.js";

/** One end of a connection, with everything that it has seen. */
class Peer {
  readonly socket: Socket;
  readonly events: string[] = [];
  readonly #chunks: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.#chunks.push(chunk));
    for (const event of ["end", "error", "close"]) socket.on(event, () => this.events.push(event));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

let server: Server;
let echoing: boolean;
let accepted: Peer[];
let clients: Peer[];
let proxy: TcpProxy;

beforeEach(async () => {
  echoing = true;
  accepted = [];
  clients = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(new Peer(socket));
    socket.on("data", (chunk) => echoing && socket.write(chunk));
    socket.on("end", () => echoing && socket.end());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  proxy = await TcpProxy.start({ targetPort: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  for (const { socket } of [...clients, ...accepted]) socket.destroy();
  server.close();
});

/** Connects through the proxy. */
async function open(): Promise<Peer> {
  const client = new Peer(connect({ port: proxy.port, noDelay: true, allowHalfOpen: true }));
  clients.push(client);
  await once(client.socket, "connect");
  return client;
}

/** Connects through the proxy as far as the server. */
async function openThrough(): Promise<{ client: Peer; peer: Peer }> {
  const before = accepted.length;
  const client = await open();
  await expect.poll(() => accepted.length).toBe(before + 1);
  return { client, peer: accepted[before] as Peer };
}

/** Waits until a value has been the same for 20 polls. */
async function settled(read: () => number): Promise<void> {
  let last = read();
  let unchanged = 0;
  await expect
    .poll(() => {
      const value = read();
      unchanged = value === last ? unchanged + 1 : 0;
      last = value;
      return unchanged;
    })
    .toBeGreaterThanOrEqual(20);
}

describe("without faults", () => {
  test("passes bytes on in both directions", async () => {
    const { client } = await openThrough();
    const bytes = randomBytes(4 * MAX_HELD_BYTES);
    client.socket.write(bytes);
    await expect.poll(() => client.bytes.equals(bytes)).toBe(true);
    expect(proxy.heldBytes).toBe(0);
  });

  test("passes the end of each direction on by itself", async () => {
    echoing = false;
    const { client, peer } = await openThrough();
    client.socket.end("question");
    await expect.poll(() => peer.events).toEqual(["end"]);
    peer.socket.end("answer");
    await expect.poll(() => client.events).toEqual(["end", "close"]);
    expect([peer.text, client.text]).toEqual(["question", "answer"]);
  });

  test("lets a client go on after the server's last word", async () => {
    echoing = false;
    const { client, peer } = await openThrough();
    peer.socket.end("goodbye");
    await expect.poll(() => client.events).toEqual(["end"]);
    client.socket.end("farewell");
    await expect.poll(() => peer.events).toEqual(["end", "close"]);
    expect([peer.text, client.text]).toEqual(["farewell", "goodbye"]);
  });

  test("holds a sender back while its receiver does not read, and loses nothing", async () => {
    echoing = false;
    const { client, peer } = await openThrough();
    peer.socket.pause();
    const bytes = randomBytes(64 * MAX_HELD_BYTES);
    client.socket.write(bytes);
    await expect.poll(() => proxy.heldBytes).toBeGreaterThan(MAX_HELD_BYTES);
    await settled(() => client.socket.writableLength);
    expect(client.socket.writableLength).toBeGreaterThan(0);

    peer.socket.resume();
    await expect.poll(() => peer.bytes.equals(bytes)).toBe(true);
  });

  test("counts the open connections", async () => {
    const [first] = [await openThrough(), await openThrough()];
    expect(proxy.connections).toBe(2);
    first.client.socket.destroy();
    await expect.poll(() => proxy.connections).toBe(1);
  });

  test("closes the connection when nothing listens behind it", async () => {
    const { client } = await openThrough();
    server.close();
    client.socket.destroy();
    await once(server, "close");
    const second = await open();
    await expect.poll(() => second.events).toContain("end");
  });
});

describe("a stall", () => {
  test("holds what both sides send, and delivers it in order afterwards", async () => {
    echoing = false;
    const { client, peer } = await openThrough();
    proxy.stall();
    client.socket.write("a1 ");
    peer.socket.write("b1 ");
    await expect.poll(() => proxy.heldBytes).toBe(6);
    client.socket.write("a2");
    peer.socket.write("b2");
    await expect.poll(() => proxy.heldBytes).toBe(10);
    expect([client.text, peer.text]).toEqual(["", ""]);

    proxy.resume();
    await expect.poll(() => [client.text, peer.text]).toEqual(["b1 b2", "a1 a2"]);
  });

  test("of one direction leaves the other one alone", async () => {
    const { client, peer } = await openThrough();
    proxy.stall("toClient");
    client.socket.write("ping");
    await expect.poll(() => [peer.text, proxy.heldBytes]).toEqual(["ping", 4]);
    expect(client.text).toBe("");

    proxy.stall("toServer");
    proxy.resume("toClient");
    await expect.poll(() => client.text).toBe("ping");
    client.socket.write("more");
    await expect.poll(() => proxy.heldBytes).toBe(4);
    expect(peer.text).toBe("ping");
  });

  test("hides from each side that the other one is gone", async () => {
    const { client, peer } = await openThrough();
    const closedBehindIt = await openThrough();
    proxy.stall();
    client.socket.resetAndDestroy();
    closedBehindIt.peer.socket.destroy();
    // The proxy has seen both when it holds what a third connection sent after them.
    const { client: witness } = await openThrough();
    witness.socket.write("!");
    await expect.poll(() => proxy.heldBytes).toBe(1);
    expect([peer.events, closedBehindIt.client.events]).toEqual([[], []]);

    proxy.resume();
    await expect.poll(() => peer.events).toContain("end");
    await expect.poll(() => closedBehindIt.client.events).toContain("end");
  });

  test("takes in new connections", async () => {
    proxy.stall();
    const { client, peer } = await openThrough();
    client.socket.write("hello");
    await expect.poll(() => proxy.heldBytes).toBe(5);
    expect(peer.text).toBe("");

    proxy.resume();
    await expect.poll(() => client.text).toBe("hello");
  });

  test("holds no more than its bound, and loses nothing", async () => {
    const { client } = await openThrough();
    proxy.stall();
    const bytes = randomBytes(64 * MAX_HELD_BYTES);
    client.socket.write(bytes);
    await expect.poll(() => proxy.heldBytes).toBeGreaterThan(MAX_HELD_BYTES);
    // With nobody to take the rest, the kernel's buffers fill up and the client gets no further.
    await settled(() => client.socket.writableLength);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect(proxy.heldBytes).toBeLessThanOrEqual(MAX_HELD_BYTES + 65_536);

    proxy.resume();
    await expect.poll(() => client.bytes.equals(bytes)).toBe(true);
  });
});

test("cut() breaks the present connections on both sides, even stalled ones, and accepts new ones", async () => {
  const { client, peer } = await openThrough();
  proxy.stall();
  client.socket.write("lost");
  await expect.poll(() => proxy.heldBytes).toBe(4);
  proxy.cut();
  expect(proxy.connections).toBe(0);
  await expect.poll(() => client.events).toContain("end");
  await expect.poll(() => peer.events).toContain("end");
  expect(peer.text).toBe("");

  proxy.resume();
  const { client: next } = await openThrough();
  next.socket.write("hello");
  await expect.poll(() => next.text).toBe("hello");
});

test("refuse() closes new connections until accept(), and leaves present ones alone", async () => {
  const { client: present } = await openThrough();
  proxy.refuse();
  const refused = await open();
  await expect.poll(() => refused.events).toContain("end");
  present.socket.write("still here");
  await expect.poll(() => present.text).toBe("still here");
  expect(accepted).toHaveLength(1);

  proxy.accept();
  await openThrough();
});

describe("a delay", () => {
  test("holds every chunk for delayMs, and keeps the order when it is lowered", async () => {
    const { client, peer } = await openThrough();
    proxy.delayMs = 60;
    const sentAtMs = performance.now();
    client.socket.write("first ");
    await expect.poll(() => proxy.heldBytes).toBe(6);
    proxy.delayMs = 0;
    client.socket.write("second");
    await expect.poll(() => proxy.heldBytes).toBe(12);
    expect(peer.text).toBe("");
    await expect.poll(() => client.text).toBe("first second");
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(60);
  });

  test("lets the chunks of a burst wait side by side", async () => {
    echoing = false;
    const { client, peer } = await openThrough();
    const witness = await openThrough();
    proxy.delayMs = 50;
    for (let sent = 1; sent <= 40; sent++) {
      client.socket.write("x");
      await expect.poll(() => proxy.heldBytes + peer.bytes.length).toBe(sent);
    }
    // Two delays for the witness, there and back. Had the burst waited in line, it would need 40.
    witness.client.socket.write("question");
    await expect.poll(() => witness.peer.text).toBe("question");
    witness.peer.socket.write("answer");
    await expect.poll(() => witness.client.text).toBe("answer");
    expect(peer.bytes).toHaveLength(40);
  });
});

test("close() breaks the connections, stops listening, and may be called again", async () => {
  const { client } = await openThrough();
  await proxy.close();
  await expect.poll(() => client.events).toContain("end");
  await expect(open()).rejects.toThrow("ECONNREFUSED");
  await proxy.close();
});
