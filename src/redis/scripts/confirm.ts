import { HEAD_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Says whether a deletion is at this server, and writes something after it: a WAIT on the same connection then waits until replicas have both.
 *
 * - KEYS 1 meta, 2 generations, 3 record that was deleted, if one was
 * - ARGV 1 user, 2 generation: whose earlier sessions were ended, if a user's were
 * - returns 1 if it is there, 0 if this server has lost it or never had it
 *
 * WAIT counts from the last command of its own connection, or from its last write, as the server's version has it: so there is one. It begins with a write that frees, as in `epoch.ts`. O(1).
 */
export const CONFIRM = script(`${HEAD}
redis.call('HDEL', KEYS[1], '')
redis.call('HINCRBY', KEYS[1], 'w', 1)
if ARGV[1] then return tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) >= tonumber(ARGV[2]) and 1 or 0 end
local kind = kind_of(redis.call('GETRANGE', KEYS[3], 0, ${HEAD_LENGTH - 1}), KEYS[2])
return (kind == 'gone' or kind == 'absent' or kind == 'moved') and 1 or 0
`);
