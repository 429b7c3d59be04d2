import { NOW } from "./now.js";
import { script } from "./script.js";

/**
 * Says which of several logins of a user at the same time ends the sessions that are too many: the one that says first which it has found.
 * Each has found all that were written before it looked, so one that was found by another is looked after, and does nothing. Otherwise each would
 * end the other's.
 *
 * - KEYS 1 the user's sessions that were found by logins
 * - ARGV 1 for how long that is remembered, in ms: longer than a login takes, 2 session of this login, 3… the others that it has found
 * - returns 1 if it is to end what is too much, 0 if another login has found this one
 *
 * A repetition is answered alike. O(sessions found meanwhile).
 */
export const LIMIT = script(`${NOW}
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, found in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if found == ARGV[2] then return 0 end
end
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`);
