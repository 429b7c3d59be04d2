import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Direction, type Faults, Lane } from "./lane.js";

export type { Direction };

/** Options of {@link TcpProxy.start}. */
export interface TcpProxyOptions {
  /** Port of the server behind the proxy. */
  readonly targetPort: number;
  /** Host of the server behind the proxy. Default: `127.0.0.1`. */
  readonly targetHost?: string;
}

interface Connection {
  readonly sockets: readonly [client: Socket, server: Socket];
  readonly lanes: readonly [Lane, Lane];
}

/**
 * A TCP proxy with faults on demand, for tests of what a program does when its network fails. It listens on a free
 * port of the loopback interface and connects each of its clients to one server.
 *
 * @example
 * ```ts
 * const proxy = await TcpProxy.start({ targetPort: 6379 });
 * const client = await createClient({ url: `redis://127.0.0.1:${proxy.port}` }).connect();
 * proxy.stall(); // the connection looks alive, but nothing arrives any more
 * proxy.resume();
 * await proxy.close();
 * ```
 */
export class TcpProxy {
  /** Loopback port on which the proxy listens. */
  readonly port: number;

  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #faults: Faults = { delayMs: 0, stalled: new Set() };
  #refusing = false;

  /** Starts a proxy and resolves when it listens. The server behind it need not be there yet. */
  static async start({ targetPort, targetHost = "127.0.0.1" }: TcpProxyOptions): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, () =>
      connect({ port: targetPort, host: targetHost, allowHalfOpen: true, noDelay: true }),
    );
  }

  private constructor(server: Server, connectToTarget: () => Socket) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => {
      if (this.#refusing) client.destroy();
      else this.#join(client, connectToTarget());
    });
  }

  /** Connections that are open on at least one of their two sides. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Bytes that arrived at the proxy and were not passed on yet, because of a stall, a delay or a slow receiver. */
  get heldBytes(): number {
    return [...this.#lanes()].reduce((sum, lane) => sum + lane.heldBytes, 0);
  }

  /**
   * How long everything is held before it is passed on, in milliseconds: latency, which changes neither order nor
   * throughput. A new value applies to what arrives from then on. Default: 0.
   */
  get delayMs(): number {
    return this.#faults.delayMs;
  }

  set delayMs(delayMs: number) {
    this.#faults.delayMs = delayMs;
  }

  /**
   * Passes nothing on any more, on present and new connections. No side gets any event, not even when the other one
   * closes: the connection is half open, as behind a router that died. What arrives is held, up to 256 KiB for each
   * connection and direction; then the sender feels back pressure.
   */
  stall(direction: Direction | "both" = "both"): void {
    for (const stalled of split(direction)) this.#faults.stalled.add(stalled);
  }

  /** Ends a stall: what was held arrives, in order. */
  resume(direction: Direction | "both" = "both"): void {
    for (const stalled of split(direction)) this.#faults.stalled.delete(stalled);
    for (const lane of this.#lanes()) lane.advance();
  }

  /** Breaks all present connections on both sides, at once and even in a stall. New ones are accepted. */
  cut(): void {
    for (const socket of [...this.#connections].flatMap(({ sockets }) => sockets)) socket.destroy();
    this.#connections.clear();
  }

  /** Closes new connections as soon as they are made, until `accept()`. Present ones stay. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Ends `refuse()`. */
  accept(): void {
    this.#refusing = false;
  }

  /** Breaks all connections and stops listening. May be called again. */
  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, server: Socket): void {
    const connection: Connection = {
      sockets: [client, server],
      lanes: [
        new Lane(client, server, "toServer", this.#faults),
        new Lane(server, client, "toClient", this.#faults),
      ],
    };
    this.#connections.add(connection);
    for (const socket of connection.sockets) {
      socket.once("close", () => {
        if (client.destroyed && server.destroyed) this.#connections.delete(connection);
      });
    }
  }

  *#lanes(): Iterable<Lane> {
    for (const { lanes } of this.#connections) yield* lanes;
  }
}

function split(direction: Direction | "both"): readonly Direction[] {
  return direction === "both" ? ["toClient", "toServer"] : [direction];
}
