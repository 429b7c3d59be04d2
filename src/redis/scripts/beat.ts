import { script } from "./script.js";

/**
 * One beat of a node: tells it the head of the chain through its own subscription.
 *
 * - KEYS 1 chain
 * - ARGV 1 nonce, 2 fresh tag, 3 the node's private channel
 * - returns how many connections received it: the node's own, or none if its subscription is gone
 *
 * It always writes, so that a server which must not take writes (a demoted or isolated master) refuses it, where it would
 * still deliver a plain PUBLISH. A server that did not write the chain itself (it was promoted, or restarted) has another
 * `master_replid`: the chain then breaks on purpose, so that every node flushes what it learned from the other history.
 * Where INFO is forbidden by an ACL, that check is left out. O(1).
 */
export const BEAT = script(`
local info = redis.pcall('INFO', 'replication')
local epoch = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local head = redis.call('HGET', KEYS[1], 'c')
if not head or redis.call('HGET', KEYS[1], 'e') ~= epoch then head = ARGV[2] end
redis.call('HSET', KEYS[1], 'c', head, 'e', epoch)
return redis.call('PUBLISH', ARGV[3], 'SM1B\\n' .. ARGV[1] .. '\\n' .. head)
`);
