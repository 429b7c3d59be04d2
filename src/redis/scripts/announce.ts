/**
 * The part that all writing scripts share: it moves the chain and tells the nodes, in the same atomic step as the write.
 *
 * `chain` is the hash that holds the chain's head `c`. The message names the write before this one, so that a node which
 * missed that one notices. Layout: `cluster/message.ts`. With an empty channel the store stands alone and nothing is told.
 *
 * O(1), and O(nodes) for PUBLISH.
 */
export const ANNOUNCE = `
local function announce(chain, channel, kind, tag, node, key)
  if channel == '' then return end
  local previous = redis.call('HGET', chain, 'c') or ''
  redis.call('HSET', chain, 'c', tag)
  redis.call('PUBLISH', channel, 'SM1' .. kind .. '\\n' .. previous .. '\\n' .. tag .. '\\n' .. node .. '\\n' .. key)
end
`;
