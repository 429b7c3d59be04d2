import { HEAD_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * The sessions of a user, by their ends.
 *
 * - KEYS 1 generations, 2 the user's index
 * - ARGV 1 user
 * - returns the keys of the records, that which ends first first; what is no session of the user any more leaves the index
 *
 * O(sessions of the user).
 */
export const USER_SESSIONS = script(`${HEAD}
local keys = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local head = redis.call('GETRANGE', key, 0, ${HEAD_LENGTH - 1})
  if kind_of(head, KEYS[1]) == 'live' and user_of(head) == ARGV[1] then keys[#keys + 1] = key
  else redis.call('ZREM', KEYS[2], key) end
end
return keys
`);
