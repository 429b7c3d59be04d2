import { HEAD_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * The sessions of a user, by their ends.
 *
 * - KEYS 1 generations, 2 the user's index
 * - ARGV 1 user
 * - returns `{key of the record, its end in ms, …}`, that which ends first first; what is no session of the user any more leaves the index
 *
 * O(sessions of the user).
 */
export const USER_SESSIONS = script(`${HEAD}
local found, index = {}, redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #index, 2 do
  local key = index[i]
  local head = redis.call('GETRANGE', key, 0, ${HEAD_LENGTH - 1})
  if kind_of(head, KEYS[1]) == 'live' and user_of(head) == ARGV[1] then
    found[#found + 1], found[#found + 2] = key, index[i + 1]
  else
    redis.call('ZREM', KEYS[2], key)
  end
end
return found
`);
