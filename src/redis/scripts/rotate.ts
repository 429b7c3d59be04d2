import { HEAD_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Ends a session, lets its id stand for another one for a while, and tells the nodes, in one atomic step.
 *
 * - KEYS 1 record, 2 meta, 3 generations
 * - ARGV 1 new id, 2 grace in ms, 0 for none, 3 life of a tombstone in ms, 4 new tag, 5 channel or '', 6 node
 * - ARGV 7 name of the rotation, the same each time that it is sent, 8 `1` if nothing shall be left where there is none, else ''
 * - ARGV 9 name of the deletion that becomes a rotation, or '' for a session that is rotated
 * - returns `{1 rotated | 0 there was none}`; `{2, new id}` for an alias of another id, to which nothing was done
 *
 * The alias lives a tombstone's life longer than its grace, as one. Where there was none, and without a grace, a tombstone is left. An alias
 * of this new id is that of a repetition, and so is a tombstone of this name: they are answered like the first time, and not told again.
 * UNLINK comes first, as in `delete.ts`. O(1).
 *
 * A deletion becomes a rotation only where its own tombstone still is, and says that there was a session: whoever deletes after it leaves another
 * one. The nodes were told of the deletion, which is what they are told of a rotation, so they are not told again.
 */
export const ROTATE = script(`${HEAD}${ANNOUNCE}
local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_LENGTH - 1})
local kind = kind_of(head, KEYS[3])
local target = string.sub(head, 1, 2) == 'A1' and kind ~= 'corrupt' and target_of(KEYS[1])
if target == ARGV[1] then return {1} end
local deletion = ARGV[9] ~= '' and 'T1' .. ARGV[9] .. '1'
if kind == 'moved' and not deletion then return {2, target} end
if string.sub(head, 1, 14) == 'T1' .. ARGV[7] then return {tonumber(string.sub(head, 15))} end
if deletion and head ~= deletion then return {0} end
if not deletion and (kind == 'gone' or kind == 'absent' and ARGV[8] ~= '') then return {0} end
local outcome = kind == 'absent' and 0 or 1
local record, life, grace = 'T1' .. ARGV[7] .. outcome, tonumber(ARGV[3]), tonumber(ARGV[2])
if outcome == 1 and grace > 0 then
  record, life = 'A1' .. string.format('%013d', now_ms() + grace) .. ARGV[1], life + grace
end
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], record, 'PX', life)
if not deletion then announce(KEYS[2], ARGV[5], 'D', ARGV[4], ARGV[6], KEYS[1], '\\nrotated\\n\\n') end
return {outcome}
`);
