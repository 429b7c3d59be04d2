import { createHash } from "node:crypto";
import type { RedisPort, Reply } from "../port.js";

/** A Lua script with the digest under which Redis caches it. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

/** The digests and the texts of all scripts. */
const SCRIPTS = new Set<string>();

/** Makes a script of its text. */
export function script(lua: string): Script {
  const sha1 = createHash("sha1").update(lua).digest("hex");
  SCRIPTS.add(sha1).add(lua);
  return { lua, sha1 };
}

/** Whether this is the digest or the text of a script of ours. */
export function isScript(text: string): boolean {
  return SCRIPTS.has(text);
}

/** Runs a script by its digest, and by its text on a server that does not know it yet, unless its time `isOver` by then. */
export function evaluate(
  connection: Pick<RedisPort, "send">,
  { sha1, lua }: Script,
  keys: readonly string[],
  args: readonly string[],
  isOver: () => boolean = () => false,
): Promise<Reply> {
  const rest = [String(keys.length), ...keys, ...args];
  return connection.send(["EVALSHA", sha1, ...rest], isOver).catch((error: Error) => {
    // A caller who was told that the command failed must not have it carried out after that.
    if (isOver() || !error.message.startsWith("NOSCRIPT")) throw error;
    return connection.send(["EVAL", lua, ...rest], isOver);
  });
}

const SHARDED = new WeakMap<Script, Script>();

/** The script that does the same and publishes within a shard of a Redis Cluster. */
export function sharded(original: Script): Script {
  const made = SHARDED.get(original) ?? script(original.lua.replaceAll("'PUBLISH'", "'SPUBLISH'"));
  SHARDED.set(original, made);
  return made;
}
