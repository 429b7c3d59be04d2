import { ANNOUNCE } from "./announce.js";
import { EPOCH } from "./epoch.js";
import { script } from "./script.js";

/**
 * Ends all sessions of a user at once, whatever their number, and tells the nodes: one atomic step. A login that comes after it is
 * not affected.
 *
 * - KEYS 1 generations, 2 meta
 * - ARGV 1 new tag, 2 fresh tag, 3 lowest generation to set, or '' for the next one, 4 channel or '', 5 node, 6 key prefix, 7 user
 * - ARGV 8 request, 9 channel for the acknowledgements: where nodes shall acknowledge, else ''
 * - returns `{generation, {'n:<node>', beats, …}, 1 if it was lower before, else 0}`; without a request no nodes
 *
 * Nobody is told of what was so before. The generations have no TTL: one that went would bring sessions back. O(1), and O(nodes) for the registry where
 * there is a request.
 */
export const REVOKE_USER = script(`${ANNOUNCE}${EPOCH}
renew_epoch(KEYS[2], ARGV[2])
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[7]) or 0)
local generation = math.max(tonumber(ARGV[3]) or known + 1, known)
redis.call('HSET', KEYS[1], ARGV[7], generation)
local rest = '\\n' .. ARGV[7] .. '\\n' .. generation .. '\\n' .. ARGV[8] .. '\\n' .. ARGV[9]
if generation > known then announce(KEYS[2], ARGV[4], 'U', ARGV[1], ARGV[5], ARGV[6], rest) end
return {generation, ARGV[8] == '' and {} or registry(KEYS[2]), generation > known and 1 or 0}
`);
