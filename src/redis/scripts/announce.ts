/**
 * The part that all writing scripts share: it moves the chain and tells the nodes, in the same atomic step as the write.
 *
 * `meta` is the hash that holds the chain's head `c`. The message names the write before this one, so that a node which
 * missed that one notices; `rest` are the lines that its kind adds. Layout: `cluster/message.ts`. With an empty channel the store
 * stands alone and nothing is told.
 *
 * O(1), and O(nodes) for PUBLISH.
 */
export const ANNOUNCE = `
local announced -- what this script itself has made the head
local function announce(meta, channel, kind, tag, node, key, rest)
  if channel == '' then return end
  local previous = announced or redis.call('HGET', meta, 'c') or ''
  redis.call('HSET', meta, 'c', tag)
  announced = tag
  redis.call('PUBLISH', channel, 'SM1' .. kind .. '\\n' .. previous .. '\\n' .. tag .. '\\n' .. node .. '\\n' .. key .. (rest or ''))
end
`;
