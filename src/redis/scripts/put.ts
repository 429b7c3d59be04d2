import { HEADER_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { HEAD } from "./head.js";
import { LISTENERS } from "./listeners.js";
import { script } from "./script.js";
import { USER_INDEX } from "./user-index.js";

/**
 * Writes sessions, each if it may be written, and tells the nodes of each: one atomic step.
 *
 * - KEYS 1 meta, 2 generations, from 3 the records
 * - ARGV 1 channel or '', 2 node, 3 what stands before a user in the key of their index, 4 `1` to tell the nodes only if one relies on
 *   that, or '', 5 default TTL
 * - ARGV from 6, for each record: condition (`create`: none there; `set`: whatever is there; `replace`: whatever is there, but not nothing;
 *   `=` and a tag: the one there has this tag), new tag, wall clock of the writer, TTL or '' for the session's own, wall-clock end or ''
 *   for now + TTL, absolute TTL or '', user or '' for the session's own, data
 * - times have 13 digits; returns for each `{remaining life in ms, header with user}` where it was written; `{'conflict', record, remaining
 *   life}`, `{'moved', new id}` for an alias, or `'conflict'`, `'absent'`, `'gone'`, `'expired'`, `'corrupt'` or `'wrongtype'`
 *
 * What the writer does not say (creation, TTL, absolute end, user) stays as it is in the record. Nothing is written over a
 * tombstone. A record that already has the new tag is a repetition of this very write: it is answered as written, and nothing is
 * written twice. A server that refuses to write refuses at the first record. O(size of the records).
 */
export const PUT = script(`${HEAD}${ANNOUNCE}${LISTENERS}${USER_INDEX}
local meta, generations = KEYS[1], KEYS[2]
local function put(key, condition, new_tag, wall, ttl, expires, absolute_ttl, new_user, data)
  local head = head_of(key)
  if not head then return 'wrongtype' end
  local kind, tag, created, user = kind_of(head, generations), '', wall, new_user
  local absolute, generation = '0000000000000', '00000000'
  if kind == 'corrupt' or kind == 'gone' then return kind end
  if kind == 'moved' then return {kind, target_of(key)} end
  if kind == 'live' then
    tag, user = string.sub(head, 3, 14), user_of(head)
    if tag == new_tag then return {redis.call('PTTL', key), string.sub(head, 1, ${HEADER_LENGTH} + #user)} end
    created, absolute, generation = string.sub(head, 15, 27), string.sub(head, 54, 66), string.sub(head, 67, 74)
    if ttl == '' then ttl = string.sub(head, 41, 53) end
  end
  local expected = string.sub(condition, 1, 1) == '='
  if kind == 'absent' and (expected or condition == 'replace') then return 'absent' end
  if expected and condition ~= '=' .. tag then return {'conflict', redis.call('GET', key), redis.call('PTTL', key)} end
  if condition == 'create' and kind ~= 'absent' then return 'conflict' end

  if new_user ~= '' and (kind ~= 'live' or user ~= new_user) then user, generation = new_user, generation_of(generations, new_user) end
  if ttl == '' then ttl = ARGV[5] end
  local life = tonumber(ttl)
  if absolute_ttl ~= '' or absolute ~= '0000000000000' then
    local now = now_ms()
    if absolute_ttl ~= '' then absolute = string.format('%013d', now + absolute_ttl) end
    if absolute - now < life then life, expires = absolute - now, string.format('%013d', wall + absolute - now) end
    if life <= 0 then return 'expired' end
  end
  if expires == '' then expires = string.format('%013d', wall + life) end
  head = 'L1' .. new_tag .. created .. expires .. ttl .. absolute .. generation .. string.format('%04d', #user) .. user
  redis.call('SET', key, head .. data, 'PX', life)
  index(ARGV[3], user, key, life)
  if ARGV[4] ~= '1' or has_listeners(meta) then announce(meta, ARGV[1], 'I', new_tag, ARGV[2], key) end
  return {life, head}
end
local replies = {}
for n = 1, #KEYS - 2 do
  replies[n] = put(KEYS[n + 2], unpack(ARGV, 8 * n - 2, 8 * n + 5))
end
return replies
`);
