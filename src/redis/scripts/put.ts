import { HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { HEAD } from "./head.js";
import { LISTENERS } from "./listeners.js";
import { script } from "./script.js";
import { USER_INDEX } from "./user-index.js";

/**
 * Writes a session if it may be written, and tells the nodes: one atomic step.
 *
 * - KEYS 1 record, 2 meta, 3 generations
 * - ARGV 1 mode: `create` (none there), `set` (whatever is there), `replace` (whatever is there, but not nothing), `update` (the one there
 *   has tag ARGV 2)
 * - ARGV 2 expected tag, 3 new tag, 4 wall clock of the writer, 5 TTL or '' for the session's own, 6 default TTL
 * - ARGV 7 wall-clock end or '' for now + TTL, 8 absolute TTL or '', 9 user or '' for the session's own, 10 data, 11 channel or '', 12 node
 * - ARGV 13 what stands before a user in the key of their index, 14 `1` to tell the nodes only if one relies on that, or ''
 * - times have 13 digits; returns `{'written', remaining life in ms, header with user}`, `{'conflict', record, remaining life}` or
 *   `{'conflict' | 'absent' | 'gone' | 'expired' | 'corrupt'}`; `{'moved', new id}` for an alias
 *
 * What the writer does not say (creation, TTL, absolute end, user) stays as it is in the record. Nothing is written over a
 * tombstone. A record that already has the new tag is a repetition of this very write: it is answered as written, and nothing is
 * written twice. O(size of the record).
 */
export const PUT = script(`${HEAD}${ANNOUNCE}${LISTENERS}${USER_INDEX}
local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_LENGTH - 1})
local kind, mode, tag = kind_of(head, KEYS[3]), ARGV[1], ''
local created, ttl, expires, user = ARGV[4], ARGV[5], ARGV[7], ARGV[9]
local absolute, generation = '0000000000000', '00000000'
if kind == 'corrupt' or kind == 'gone' then return {kind} end
if kind == 'moved' then return {kind, target_of(KEYS[1])} end
if kind == 'live' then
  tag, user = string.sub(head, 3, 14), user_of(head)
  if tag == ARGV[3] then return {'written', redis.call('PTTL', KEYS[1]), string.sub(head, 1, ${HEADER_LENGTH} + #user)} end
  created, absolute, generation = string.sub(head, 15, 27), string.sub(head, 54, 66), string.sub(head, 67, 74)
  if ttl == '' then ttl = string.sub(head, 41, 53) end
end
if kind == 'absent' and (mode == 'update' or mode == 'replace') then return {'absent'} end
if mode == 'update' and tag ~= ARGV[2] then return {'conflict', redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])} end
if mode == 'create' and kind ~= 'absent' then return {'conflict'} end

if ARGV[9] ~= '' and (kind ~= 'live' or user ~= ARGV[9]) then user, generation = ARGV[9], generation_of(KEYS[3], ARGV[9]) end
if ttl == '' then ttl = ARGV[6] end
local life = tonumber(ttl)
if ARGV[8] ~= '' or absolute ~= '0000000000000' then
  local now = now_ms()
  if ARGV[8] ~= '' then absolute = string.format('%013d', now + ARGV[8]) end
  if absolute - now < life then life, expires = absolute - now, string.format('%013d', ARGV[4] + absolute - now) end
  if life <= 0 then return {'expired'} end
end
if expires == '' then expires = string.format('%013d', ARGV[4] + life) end
head = 'L1' .. ARGV[3] .. created .. expires .. ttl .. absolute .. generation .. string.format('%04d', #user) .. user
redis.call('SET', KEYS[1], head .. ARGV[10], 'PX', life)
index(ARGV[13], user, KEYS[1], life)
if ARGV[14] ~= '1' or has_listeners(KEYS[2]) then announce(KEYS[2], ARGV[11], 'I', ARGV[3], ARGV[12], KEYS[1]) end
return {'written', life, head}
`);
