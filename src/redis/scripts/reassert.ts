import { HEAD_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Repeats deletions on a server that may have lost them: it was promoted without them, or restarted without its data.
 *
 * - KEYS 1 meta, 2 generations, 3… records
 * - ARGV 1 life of the tombstones in ms, 2 channel or '', 3 node, 4 reason, 5… a new tag for each record
 * - returns how many sessions had come back
 *
 * Where the tombstone is, nothing is done; where there is nothing, it is left again. O(batch).
 */
export const REASSERT = script(`${HEAD}${ANNOUNCE}
local back = 0
for i = 3, #KEYS do
  local kind = kind_of(redis.call('GETRANGE', KEYS[i], 0, ${HEAD_LENGTH - 1}), KEYS[2])
  local tag = ARGV[i + 2]
  if kind ~= 'gone' then redis.call('SET', KEYS[i], 'T1' .. tag .. '0', 'PX', ARGV[1]) end
  if kind ~= 'gone' and kind ~= 'absent' then
    back = back + 1
    announce(KEYS[1], ARGV[2], 'D', tag, ARGV[3], KEYS[i], '\\n' .. ARGV[4] .. '\\n\\n')
  end
end
return back
`);
