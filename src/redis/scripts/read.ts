import { script } from "./script.js";

/**
 * Reads a session and what is left of its life, in one atomic step.
 *
 * - KEYS 1 record
 * - returns `{record, remaining life in ms, or -1 for no end}`, or nil if there is none
 *
 * O(size of the record). A tombstone reads as none.
 */
export const READ = script(`
local record = redis.call('GET', KEYS[1])
if not record or string.sub(record, 1, 2) == 'T1' then return nil end
return {record, redis.call('PTTL', KEYS[1])}
`);
