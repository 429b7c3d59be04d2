import type { RedisCommands } from "./commands.js";

/** One step of SCAN. */
export interface ScanStep {
  readonly prefix: string;
  /** Where it begins; `"0"` for the first one. */
  readonly cursor: string;
  /** How many keys it looks at, about. */
  readonly count: number;
  /** Only keys of this type. Default: of all. */
  readonly type?: string;
}

/** The keys of one step that begin with the prefix, whatever characters that has, and where the next step begins; `"0"`: there is none. */
export async function scan(
  commands: RedisCommands,
  { prefix, cursor, count, type }: ScanStep,
): Promise<{ next: string; keys: string[] }> {
  const match = `${prefix.replace(/[*?[\]\\]/g, "\\$&")}*`;
  const ofType = type === undefined ? [] : ["TYPE", type];
  const reply = await commands.send(["SCAN", cursor, "MATCH", match, "COUNT", `${count}`, ...ofType]);
  const [next, keys] = reply as [string, string[]];
  return { next: String(next), keys };
}

/** How often a scan begins anew because its slot goes to another node, and the longest wait before the first time; it doubles from there. */
const MAX_BEGINNINGS = 8;
const FIRST_WAIT_MS = 50;

/**
 * The keys of all steps, a step at a time; a key may come more than once. On a Redis Cluster it begins anew when the slot goes to another node: what was
 * moved meanwhile might have been met on neither.
 */
export async function* scanAll(
  commands: RedisCommands,
  step: Omit<ScanStep, "cursor">,
): AsyncGenerator<string[]> {
  let cursor = "0";
  let beginnings = 1;
  for (;;) {
    const found = await scan(commands, { ...step, cursor }).catch((error: Error) => {
      if (beginnings === MAX_BEGINNINGS || !isSlotMoved(error)) throw error;
    });
    if (found === undefined) {
      await commands.pause(FIRST_WAIT_MS * 2 ** (beginnings - 1));
      beginnings++;
      cursor = "0";
      continue;
    }
    cursor = found.next;
    if (found.keys.length > 0) yield found.keys;
    if (cursor === "0") return;
  }
}

function isSlotMoved({ cause }: Error): boolean {
  return cause instanceof Error && cause.message.startsWith("SLOTMOVED ");
}
