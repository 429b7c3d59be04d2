/**
 * The part by which writers whose own node needs no messages (`invalidation: "tracking"`) know whether others do.
 *
 * The field `l` of `meta` is the time, by the clock of Redis, until which a node may rely on hearing of every change. It is there from the
 * first beat of such a node until a writer finds that the time is over, and does not tell. So a beat that finds no field knows that changes may not have
 * been told since the beat before it.
 *
 * `has_listeners(meta)`: whether a change must be told.
 *
 * `listen(meta, life, fresh, head)`: notes that for so many milliseconds it must be. Where some may not have been told, the chain goes on from the tag
 * `fresh`, so that it breaks for every node. Returns the head of the chain.
 *
 * Needs `now_ms()`. O(1).
 */
export const LISTENERS = `
local function has_listeners(meta)
  local listened = redis.call('HGET', meta, 'l')
  if not listened then return false end
  if now_ms() < tonumber(listened) then return true end
  redis.call('HDEL', meta, 'l')
  return false
end
local function listen(meta, life, fresh, head)
  if not redis.call('HGET', meta, 'l') then
    head = fresh
    redis.call('HSET', meta, 'c', head)
  end
  redis.call('HSET', meta, 'l', now_ms() + life)
  return head
end
`;
