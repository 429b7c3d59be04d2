import type { RedisCommands } from "../redis/commands.js";
import { scan, scanAll } from "../redis/scan.js";
import { LEGACY_READ } from "../redis/scripts/legacy-read.js";
import { REPLACE } from "../redis/scripts/replace.js";
import { generationsKey } from "../redis/session-table.js";
import { encodeUser, isPlainJson } from "../session/record.js";
import type { MigrationPlan } from "./resolve.js";
import { type FoundRecord, type Rewriting, rewriting } from "./rewrite.js";

/** What became of the records. */
export interface Counts {
  rewritten: number;
  /** They were in this format already. */
  done: number;
  /** Tombstones, the old ids of rotated sessions, and sessions whose user was revoked: deleted on the way back, left otherwise. */
  over: number;
  /** Not readable, or in the way of another key's record; left as they are. */
  unreadable: number;
  /** Written by others again and again; left for the next run. */
  busy: number;
}

/** What became of one of them. */
export type Outcome = keyof Counts;

/** How often a record is met again that somebody changed meanwhile. */
const MAX_ATTEMPTS = 5;

/**
 * Rewrites records, each on its own. Every step is a compare-and-set of one key: what a node writes meanwhile wins, and the record is met again.
 *
 * Between two keys, the new one is written before the old one goes. Who ends in between leaves both, and the next run ends it.
 */
export class Migration {
  readonly #commands: RedisCommands;
  readonly #plan: MigrationPlan;
  readonly #inPlace: boolean;
  readonly #generations: string;

  constructor(commands: RedisCommands, plan: MigrationPlan) {
    this.#commands = commands;
    this.#plan = plan;
    this.#inPlace = plan.prefix === plan.fromPrefix;
    this.#generations = generationsKey(plan.to === "sessionmesh" ? plan.prefix : plan.fromPrefix);
  }

  /** The keys of one step, and where the next one begins; `"0"`: there is none. */
  async scan(cursor: string): Promise<{ next: string; keys: string[] }> {
    const { fromPrefix, idPrefix, batch } = this.#plan;
    const step = { prefix: fromPrefix + idPrefix, cursor, count: batch, type: "string" };
    const { next, keys } = await scan(this.#commands, step);
    return { next, keys: [...new Set(keys)] };
  }

  /** Rewrites the record of one key. `undefined` if there is none any more. */
  async rewrite(key: string): Promise<Outcome | undefined> {
    const target = this.#plan.prefix + key.slice(this.#plan.fromPrefix.length);
    let written = ""; // what an earlier attempt left under the other key
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const found = await this.#read(key);
      if (found === undefined) return undefined;
      const { to, ttlMs, dryRun } = this.#plan;
      const planned = await this.#judged(rewriting(found, to, ttlMs, Date.now()));
      if (planned.kind === "unreadable") return "unreadable";
      if (planned.kind === "tombstone") {
        if (dryRun || to === "sessionmesh" || (await this.#bury(key, target, found))) return "over";
        continue;
      }
      if (planned.kind === "done" && (this.#inPlace || to === "sessionmesh")) return "done";
      if (dryRun) return "rewritten";
      const text = planned.kind === "rewrite" ? planned.text : found.text;
      const outcome = await (this.#inPlace
        ? this.#rewriteInPlace(key, found, text)
        : this.#move(key, target, found, text, written));
      if (outcome !== undefined) return outcome;
      written = text;
    }
    return "busy";
  }

  /** The keys that the nodes keep beside the sessions, by their kinds: a user's name is nobody's business. */
  async otherKeys(): Promise<Map<string, number>> {
    const kinds = new Map<string, number>();
    for await (const keys of scanAll(this.#commands, { prefix: "sessionmesh:", count: 1_000 })) {
      for (const key of keys) {
        const kind = key.startsWith("sessionmesh:user:") ? "sessionmesh:user:*" : key;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
    }
    return kinds;
  }

  async #rewriteInPlace(key: string, found: FoundRecord, text: string): Promise<Outcome | undefined> {
    const lifeMs = this.#lifeMs(found);
    return (await this.#replace(key, found.text, text, Number.isFinite(found.remainingMs) ? "" : lifeMs))
      ? "rewritten"
      : undefined;
  }

  async #move(
    key: string,
    target: string,
    found: FoundRecord,
    text: string,
    written: string,
  ): Promise<Outcome | undefined> {
    if (!(await this.#replace(target, written, text, this.#lifeMs(found)))) {
      if (this.#plan.to === "sessionmesh") {
        return (await this.#replace(key, found.text, "")) ? "done" : undefined; // a record of ours, or its tombstone, wins
      }
      const occupant = await this.#read(target);
      if (occupant !== undefined && !isPlainJson(occupant.text)) return "unreadable";
      if (!(await this.#replace(target, occupant?.text ?? "", text, this.#lifeMs(found)))) return undefined;
    }
    return (await this.#replace(key, found.text, "")) ? "rewritten" : undefined;
  }

  /** Removes a tombstone or an alias, and before it what another store may have left of its session. */
  async #bury(key: string, target: string, found: FoundRecord): Promise<boolean> {
    if (!this.#inPlace) {
      const rest = await this.#read(target);
      if (rest !== undefined && isPlainJson(rest.text)) await this.#replace(target, rest.text, "");
    }
    return this.#replace(key, found.text, "");
  }

  /** A session whose user was revoked is over, though its record is there. */
  async #judged(planned: Rewriting): Promise<Rewriting> {
    if (planned.kind !== "rewrite" || planned.user === undefined) return planned;
    const { name, generation } = planned.user;
    const now = await this.#commands.send(["HGET", this.#generations, encodeUser(name)]);
    return generation < Number(now ?? 0) ? { kind: "tombstone" } : planned;
  }

  /** The life of a rewritten record, in milliseconds, or `""` for none that ends. */
  #lifeMs({ remainingMs }: FoundRecord): number | "" {
    if (Number.isFinite(remainingMs)) return Math.max(1, remainingMs);
    return this.#plan.to === "sessionmesh" ? this.#plan.ttlMs : "";
  }

  async #read(key: string): Promise<FoundRecord | undefined> {
    const reply = await this.#commands.run(LEGACY_READ, [key], [], { mayRepeat: true });
    if (reply === null) return undefined;
    const [text, lifeMs] = reply as [string, number];
    return { text, remainingMs: Number(lifeMs) < 0 ? Number.POSITIVE_INFINITY : Number(lifeMs) };
  }

  async #replace(key: string, expected: string, text: string, lifeMs: number | "" = ""): Promise<boolean> {
    const args = [expected, text, String(lifeMs)];
    return Number(await this.#commands.run(REPLACE, [key], args, { mayRepeat: true })) === 1;
  }
}
