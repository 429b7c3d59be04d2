import { ANNOUNCE } from "./announce.js";
import { script } from "./script.js";

/**
 * Deletes a batch of sessions and tells the nodes to drop all they hold, in one atomic step.
 *
 * - KEYS 1 chain, 2… records
 * - ARGV 1 new tag, 2 channel or '', 3 node, 4 key prefix
 * - returns how many records there were
 *
 * O(batch); memory is freed in the background.
 */
export const CLEAR = script(`${ANNOUNCE}
local deleted = #KEYS > 1 and redis.call('UNLINK', unpack(KEYS, 2)) or 0
announce(KEYS[1], ARGV[2], 'C', ARGV[1], ARGV[3], ARGV[4])
return deleted
`);
