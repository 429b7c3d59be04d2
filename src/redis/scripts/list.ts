import { HEAD_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Which records of a batch are sessions, readable or not: no tombstones, no aliases, and none whose user was revoked.
 *
 * - KEYS 1 generations, 2… records
 * - returns the keys that are
 *
 * O(batch).
 */
export const LIST = script(`${HEAD}
local live = {}
for i = 2, #KEYS do
  local kind = kind_of(redis.call('GETRANGE', KEYS[i], 0, ${HEAD_LENGTH - 1}), KEYS[1])
  if kind ~= 'absent' and kind ~= 'gone' and kind ~= 'moved' then live[#live + 1] = KEYS[i] end
end
return live
`);
