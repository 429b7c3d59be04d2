import { ANNOUNCE } from "./announce.js";
import { script } from "./script.js";

/**
 * Deletes a session and tells the nodes, in one atomic step.
 *
 * - KEYS 1 record, 2 chain
 * - ARGV 1 `=` and the expected tag, or '' for any, 2 new tag, 3 channel or '', 4 node
 * - returns 1 deleted, 0 there was none, -1 it has another tag
 *
 * Nodes are told even if there was none: it may have expired while a node still holds it. O(1).
 */
export const DELETE = script(`${ANNOUNCE}
if ARGV[1] ~= '' then
  local head = redis.call('GETRANGE', KEYS[1], 0, 13)
  if head == '' then return 0 end
  if (string.sub(head, 1, 1) == 'L' and string.sub(head, 3, 14) or '') ~= string.sub(ARGV[1], 2) then return -1 end
end
local deleted = redis.call('UNLINK', KEYS[1])
announce(KEYS[2], ARGV[3], 'D', ARGV[2], ARGV[4], KEYS[1])
return deleted
`);
