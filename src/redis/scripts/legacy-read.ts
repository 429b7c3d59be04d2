import { script } from "./script.js";

/**
 * Reads what another store left under one of its keys, and what is left of its life, in one atomic step.
 *
 * - KEYS 1 record
 * - returns `{text, remaining life in ms, or -1 for no end}`; nil if there is no string
 *
 * O(size of the record).
 */
export const LEGACY_READ = script(`
local text = redis.pcall('GET', KEYS[1])
if type(text) ~= 'string' then return nil end
return {text, redis.call('PTTL', KEYS[1])}
`);
