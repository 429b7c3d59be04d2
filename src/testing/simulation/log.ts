import type { Command, Reply } from "../../redis/port.js";
import { DIGESTS, SCRIPT_NAMES } from "../simulated-redis/scripts.js";

/** Something that happened in a simulated world. */
export interface LogEntry {
  /** Milliseconds since the world began. */
  readonly atMs: number;
  /** The node, `server` or `world`. */
  readonly where: string;
  readonly what: string;
}

const MAX_SHOWN = 80;
/** Constants of FNV-1a, 32 bits. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * What happened in a simulated world.
 *
 * Tags and ids are random, and the same run has others next time. They stand here by numbers, in the order in which they came up: so
 * that two runs of one seed read the same.
 */
export class WorldLog {
  readonly #limit: number;
  readonly #names = new Map<string, string>();
  #entries: LogEntry[] = [];
  #hash = FNV_OFFSET;

  /** `limit`: how many entries are kept at least; older ones go. With 0, nothing is noted, and there is no digest. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The entries that are kept, the oldest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** Of all that was ever noted: the same in two runs that went the same way. */
  get digest(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  note(atMs: number, where: string, what: string | (() => string)): void {
    if (this.#limit === 0) return;
    const entry = { atMs, where, what: typeof what === "string" ? what : what() };
    const line = lineOf(entry);
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), FNV_PRIME);
    this.#entries.push(entry);
    if (this.#entries.length >= 2 * this.#limit) this.#entries = this.#entries.slice(-this.#limit);
  }

  /** A command, in short. */
  command([name, ...args]: Command): string {
    if (name !== "EVAL" && name !== "EVALSHA")
      return [name, ...args].map((arg) => this.message(arg)).join(" ");
    const [script = "", count = "0", ...rest] = args;
    const keys = rest.slice(0, Number(count));
    const tags = rest.slice(keys.length).filter((arg) => /^=?[\w-]{12}$/.test(arg) || arg === "*");
    const called = SCRIPT_NAMES.get(name === "EVAL" ? (DIGESTS.get(script) ?? "") : script) ?? "a script";
    return [called, ...keys, ...tags].map((part) => this.#text(part)).join(" ");
  }

  /** A reply, in short. */
  reply(reply: Reply): string {
    if (reply === null || typeof reply === "number") return String(reply);
    if (typeof reply === "string") return this.#text(reply);
    return `[${reply.map((part) => this.reply(part)).join(", ")}]`;
  }

  /** A message, in one line. */
  message(message: string): string {
    return message
      .split("\n")
      .map((line) => this.#text(line))
      .join("|");
  }

  /** All that is kept, one line each. */
  toString(): string {
    return this.#entries.map(lineOf).join("\n");
  }

  #text(text: string): string {
    const record = /^([LT]\d)([\w-]{12})/.exec(text);
    if (record !== null) return `${record[1]}${this.#name(record[2] ?? "")}…`;
    const tag = /^(=?)([\w-]{12})$/.exec(text);
    if (tag !== null) return `${tag[1]}${this.#name(tag[2] ?? "")}`;
    const named = text.replace(/(?<![\w-])(?:[\w-]{43}|[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4})(?![\w-])/g, (id) =>
      this.#name(id),
    );
    return named.length > MAX_SHOWN ? `${named.slice(0, MAX_SHOWN)}…` : named;
  }

  #name(random: string): string {
    const name = this.#names.get(random) ?? `#${this.#names.size + 1}`;
    this.#names.set(random, name);
    return name;
  }
}

function lineOf({ atMs, where, what }: LogEntry): string {
  return `${atMs.toFixed(3).padStart(11)}  ${where.padEnd(8)} ${what}`;
}
