import { script } from "./script.js";

/**
 * Spells a record in another way, if nobody has changed it since it was read.
 *
 * - KEYS 1 record
 * - ARGV 1 what it was, or '' for none, 2 what it shall be, or '' for none, 3 its life in ms, or '' for the one that it has
 * - returns 1 if it is so now, 0 if it is something else
 *
 * Tells nobody: the data stay the same, so a copy elsewhere does too. A record that is already what it shall be is that of a
 * repetition. O(size of the record).
 */
export const REPLACE = script(`
local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[2] then return 1 end
if current ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('UNLINK', KEYS[1]) end
local life = tonumber(ARGV[3]) or redis.call('PTTL', KEYS[1])
if life > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', life) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
`);
