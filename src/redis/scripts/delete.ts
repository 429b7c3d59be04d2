import { HEAD_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { EPOCH } from "./epoch.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Deletes a session, leaves a tombstone unless none is wanted, and tells the nodes, in one atomic step.
 *
 * - KEYS 1 record, 2 meta, 3 generations
 * - ARGV 1 `=` and the expected tag, '' for any, or `*` for any and for an alias too, 2 new tag, 3 life of the tombstone in ms, or '' for none
 * - ARGV 4 channel or '', 5 node, 6 reason
 * - ARGV 7 request, 8 channel for the acknowledgements, 9 fresh tag: of a deletion that nodes shall acknowledge, else ''
 * - ARGV 10 name of the deletion, the same each time that it is sent
 * - returns `{1 deleted | 0 there was none | -1 it has another tag}`, followed by the registry, `{'n:<node>', beats, …}`, if nodes shall acknowledge;
 *   `{2, new id}` for an alias, to which nothing was done
 *
 * Nodes are told even if there was none, and the tombstone is left: a node may hold a copy of what expired, and a request may be
 * about to save it. When the memory is full, Redis refuses a script only before its first write, and never UNLINK: so it comes first.
 * With a tag that is expected, nothing is done unless it is there. A tombstone that already has this name is that of a repetition: it
 * is answered like the first time, and not told again.
 *
 * Without a tombstone, the nodes are told as of a write, which makes them drop their copies: they must not remember a deletion after which
 * the key may be written again. One that is there already stays: it still has somebody to refuse. O(1), and O(nodes) for the registry.
 */
export const DELETE = script(`${HEAD}${ANNOUNCE}${EPOCH}
local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_LENGTH - 1})
local kind = kind_of(head, KEYS[3])
if kind == 'moved' and ARGV[1] ~= '*' then return {2, target_of(KEYS[1])} end
local outcome = (kind == 'absent' or kind == 'gone' or kind == 'moved') and 0 or 1
local is_repetition = string.sub(head, 1, 14) == 'T1' .. ARGV[10]
if is_repetition then outcome = tonumber(string.sub(head, 15))
elseif string.sub(ARGV[1], 1, 1) == '=' then
  if outcome == 0 then return {0} end
  local tag = kind == 'live' and string.sub(head, 3, 14) or kind == 'foreign' and ''
  if tag ~= string.sub(ARGV[1], 2) then return {-1} end
end
if ARGV[7] ~= '' then renew_epoch(KEYS[2], ARGV[9]) end
if ARGV[3] == '' then
  if kind ~= 'gone' or string.sub(head, 1, 1) == 'L' then
    redis.call('UNLINK', KEYS[1])
    announce(KEYS[2], ARGV[4], 'I', ARGV[2], ARGV[5], KEYS[1])
  end
elseif not is_repetition then
  redis.call('UNLINK', KEYS[1])
  redis.call('SET', KEYS[1], 'T1' .. ARGV[10] .. outcome, 'PX', ARGV[3])
  announce(KEYS[2], ARGV[4], 'D', ARGV[2], ARGV[5], KEYS[1], '\\n' .. ARGV[6] .. '\\n' .. ARGV[7] .. '\\n' .. ARGV[8])
end
if ARGV[7] == '' then return {outcome} end
return {outcome, registry(KEYS[2])}
`);
