import { HEAD_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Deletes a batch of sessions and tells the nodes to drop all they hold, in one atomic step.
 *
 * - KEYS 1 meta, 2 generations, 3… records
 * - ARGV 1 new tag, 2 channel or '', 3 node, 4 key prefix
 * - returns how many sessions there were
 *
 * Tombstones stay, and aliases whose grace is over: they still have somebody to refuse. O(batch); memory is freed in the background.
 */
export const CLEAR = script(`${HEAD}${ANNOUNCE}
local deleted = 0
for i = 3, #KEYS do
  local head = redis.call('GETRANGE', KEYS[i], 0, ${HEAD_LENGTH - 1})
  local kind = kind_of(head, KEYS[2])
  if kind ~= 'gone' or string.sub(head, 1, 2) == 'L1' then
    if kind == 'gone' or kind == 'moved' then deleted = deleted - 1 end
    deleted = deleted + redis.call('UNLINK', KEYS[i])
  end
end
announce(KEYS[1], ARGV[2], 'C', ARGV[1], ARGV[3], ARGV[4])
return deleted
`);
