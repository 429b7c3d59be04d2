/**
 * The part that all scripts share which a node relies on for what it did *not* hear.
 *
 * `renew_epoch(meta, fresh)`: a server that did not write the chain itself (it was promoted, or restarted) has another
 * `master_replid` than the epoch `e` says: the chain then goes on from the tag `fresh`, so that it breaks for every node, and each
 * drops what it learned from the other history. Returns the head of the chain. It begins with a write that frees: Redis refuses none of those when
 * its memory is full, and then none of those that follow in the script; leases and logouts must go on. Where INFO is forbidden by an ACL, that check is left
 * out.
 *
 * `registry(meta)`: the nodes that may hold a lease, each with the number of its beats, as `{'n:<node>', beats, …}`. One key holds
 * it and the chain on purpose: whoever loses the one loses the other, and that is noticed. O(nodes).
 */
export const EPOCH = `
local function renew_epoch(meta, fresh)
  redis.call('HDEL', meta, '')
  local info = redis.pcall('INFO', 'replication')
  local epoch = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
  local head = redis.call('HGET', meta, 'c')
  if not head or redis.call('HGET', meta, 'e') ~= epoch then head = fresh end
  redis.call('HSET', meta, 'c', head, 'e', epoch)
  return head
end
local function registry(meta)
  local fields, nodes = redis.call('HGETALL', meta), {}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'n:' then nodes[#nodes + 1] = fields[i]; nodes[#nodes + 1] = fields[i + 1] end
  end
  return nodes
end
`;
