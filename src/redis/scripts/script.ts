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
