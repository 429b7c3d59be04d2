import type { Socket } from "node:net";

/** Which way bytes flow through a proxy. */
export type Direction = "toClient" | "toServer";

/** The faults that a proxy simulates at present; its lanes read them as they change. */
export interface Faults {
  delayMs: number;
  readonly stalled: Set<Direction>;
}

/**
 * How many bytes a lane holds before it stops reading (it may exceed this by the one chunk being read). The sender is
 * then held back by TCP's own flow control, as by a slow network.
 */
export const MAX_HELD_BYTES = 262_144;

/** What a sender did, to be repeated for the receiver. */
type Event = Buffer | "end" | "close";

/** One direction of a proxied connection: repeats for one socket what the other one's peer does, late or never. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #faults: Faults;
  readonly #queue: { event: Event; dueAtMs: number }[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, direction: Direction, faults: Faults) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#faults = faults;
    from.on("data", (chunk) => this.#hold(chunk));
    from.on("end", () => this.#hold("end"));
    from.on("close", () => this.#hold("close"));
    from.on("error", () => {}); // "close" comes next, and says enough
    to.on("drain", () => this.advance());
  }

  /** Bytes that arrived and were not passed on yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Passes on whatever may go now. */
  advance(): void {
    clearTimeout(this.#timer);
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#faults.stalled.has(this.#direction) || this.#to.writableNeedDrain) return;
      const waitMs = next.dueAtMs - performance.now();
      if (waitMs > 0) {
        // The sockets keep the process alive as long as somebody waits for them.
        this.#timer = setTimeout(() => this.advance(), Math.ceil(waitMs)).unref();
        return;
      }
      this.#queue.shift();
      this.#release(next.event);
    }
  }

  #hold(event: Event): void {
    this.#queue.push({ event, dueAtMs: performance.now() + this.#faults.delayMs });
    if (typeof event !== "string") {
      this.#heldBytes += event.length;
      if (this.#heldBytes > MAX_HELD_BYTES) this.#from.pause();
    }
    this.advance();
  }

  #release(event: Event): void {
    if (event === "end") {
      this.#to.end();
    } else if (event === "close") {
      this.#to.destroySoon();
    } else {
      this.#to.write(event);
      this.#heldBytes -= event.length;
      if (this.#heldBytes <= MAX_HELD_BYTES) this.#from.resume();
    }
  }
}
