import { createHash } from "node:crypto";

/** A Lua script with the digest under which Redis caches it. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

/** Makes a script of its text. */
export function script(lua: string): Script {
  return { lua, sha1: createHash("sha1").update(lua).digest("hex") };
}

const SHARDED = new WeakMap<Script, Script>();

/** The script that does the same and publishes within a shard of a Redis Cluster. */
export function sharded(original: Script): Script {
  const made = SHARDED.get(original) ?? script(original.lua.replaceAll("'PUBLISH'", "'SPUBLISH'"));
  SHARDED.set(original, made);
  return made;
}
