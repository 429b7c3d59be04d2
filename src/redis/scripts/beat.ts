import { EPOCH } from "./epoch.js";
import { LISTENERS } from "./listeners.js";
import { NOW } from "./now.js";
import { script } from "./script.js";

/**
 * One beat of a node: registers it, and tells it the head of the chain through its own subscription.
 *
 * - KEYS 1 meta
 * - ARGV 1 nonce, 2 fresh tag, 3 the node's private channel, 4 node, 5 for how many ms it must be told of every change, or '' if not at all
 * - returns how many connections received it: the node's own, or none if it has no subscription
 *
 * It always writes, so that a server which must not take writes (a demoted or isolated master) refuses it, where it would
 * still deliver a plain PUBLISH. O(1).
 */
export const BEAT = script(`${EPOCH}${NOW}${LISTENERS}
local head, life = renew_epoch(KEYS[1], ARGV[2]), tonumber(ARGV[5])
if life then head = listen(KEYS[1], life, ARGV[2], head) end
redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[4], 1)
return redis.call('PUBLISH', ARGV[3], 'SM1B\\n' .. ARGV[1] .. '\\n' .. head)
`);
