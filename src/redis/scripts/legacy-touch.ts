import { script } from "./script.js";

/**
 * Extends the life of what another store left under one of its keys; never shortens it, and gives no end to what has none.
 *
 * - KEYS 1 record
 * - ARGV 1 life in ms
 * - returns the life that it has now, in ms, or -1 for no end; nil if there is none
 *
 * O(1).
 */
export const LEGACY_TOUCH = script(`
local current, life = redis.call('PTTL', KEYS[1]), tonumber(ARGV[1])
if current == -2 then return nil end
if current == -1 or current >= life then return current end
redis.call('PEXPIRE', KEYS[1], life)
return life
`);
