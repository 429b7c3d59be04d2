import { script } from "./script.js";

/**
 * Counts one more, in one atomic step.
 *
 * - KEYS 1 counter
 * - ARGV 1 life of a new counter in ms
 * - returns how many there are now
 *
 * Only the first one sets the life, so that a counter ends a fixed time after it began. It is a hash, so that no listing of sessions
 * takes it for one; nobody holds a copy of it, so nobody is told. O(1).
 */
export const INCREMENT = script(`
local count = redis.call('HINCRBY', KEYS[1], 'n', 1)
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
`);
