/**
 * The part that the scripts share which lengthen a session's life.
 *
 * `index(prefix, user, key, life)`: notes that this session of the user, if it has one, lives so long. The index is a sorted set of record keys by
 * their ends. It serves only to find a user's sessions: what it says of one is checked against its record, so it need not know what
 * was deleted. Needs `HEAD`. O(log n) in the user's sessions.
 */
export const USER_INDEX = `
local function index(prefix, user, key, life)
  if user == '' then return end
  local now = now_ms()
  redis.call('ZREMRANGEBYSCORE', prefix .. user, '-inf', now)
  redis.call('ZADD', prefix .. user, now + life, key)
  if redis.call('PTTL', prefix .. user) < life then redis.call('PEXPIRE', prefix .. user, life) end
end
`;
