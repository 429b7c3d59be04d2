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

/** The keys of all steps, a step at a time; SCAN may give a key more than once. */
export async function* scanAll(
  commands: RedisCommands,
  step: Omit<ScanStep, "cursor">,
): AsyncGenerator<string[]> {
  let cursor = "0";
  do {
    const { next, keys } = await scan(commands, { ...step, cursor });
    cursor = next;
    if (keys.length > 0) yield keys;
  } while (cursor !== "0");
}
