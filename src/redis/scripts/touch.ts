import { HEAD_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";
import { USER_INDEX } from "./user-index.js";

/**
 * Extends a session's life; never creates one, never shortens it, never passes its absolute end.
 *
 * - KEYS 1 record, 2 generations
 * - ARGV 1 wall clock of the caller, 2 TTL or '' for the session's own, 3 default TTL, 4 wall-clock end or '' for now + TTL, 5 what stands
 *   before a user in the key of their index
 * - returns `{life left in ms, wall-clock end, 1 if nothing can extend it further, else 0}`, or nil if there is no such session;
 *   a life of -1 has no end (another store wrote it so, and it stays so), -2 stands for a record that cannot be read, and `{-3, new id}`
 *   for an alias
 *
 * The life granted is a tenth longer than the TTL: so long the caller may leave out further touches without the session ending
 * early. Changes no revision and tells nobody: a copy elsewhere that expires early is only a miss. O(1).
 */
export const TOUCH = script(`${HEAD}${USER_INDEX}
local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_LENGTH - 1})
local kind = kind_of(head, KEYS[2])
if kind == 'absent' or kind == 'gone' then return nil end
if kind == 'moved' then return {-3, target_of(KEYS[1])} end
local current = redis.call('PTTL', KEYS[1])
if kind == 'corrupt' or current == -1 then return {kind == 'corrupt' and -2 or -1, '', 1} end
local live = kind == 'live'
local ttl = tonumber(ARGV[2]) or (live and tonumber(string.sub(head, 41, 53))) or tonumber(ARGV[3])
local life, expires = ttl + math.floor(ttl / 10), tonumber(ARGV[4]) or ARGV[1] + ttl
local cut = 0
local absolute = live and tonumber(string.sub(head, 54, 66)) or 0
if absolute > 0 then
  local left = absolute - now_ms()
  if left < ttl then cut = 1 end
  life, expires = math.min(life, left), math.min(expires, ARGV[1] + left)
end
if life > current then redis.call('PEXPIRE', KEYS[1], life) else life = current end
if live then
  local known = tonumber(string.sub(head, 28, 40))
  if expires > known then redis.call('SETRANGE', KEYS[1], 27, string.format('%013d', expires)) else expires = known end
  index(ARGV[5], user_of(head), KEYS[1], life)
end
return {life, string.format('%013d', expires), cut}
`);
