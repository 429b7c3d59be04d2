import { HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { KIND_OF } from "./head.js";
import { script } from "./script.js";

/**
 * Writes a session if it may be written, and tells the nodes: one atomic step.
 *
 * - KEYS 1 record, 2 chain
 * - ARGV 1 mode: `create` (none there), `set` (whatever is there), `update` (the one there has tag ARGV 2)
 * - ARGV 2 expected tag, 3 new tag, 4 wall clock of the writer, 5 TTL or '' for the session's own, 6 default TTL
 * - ARGV 7 wall-clock end or '' for now + TTL, 8 absolute TTL or '', 9 user (of a new session), 10 data, 11 channel or '', 12 node
 * - returns `{'written', remaining life in ms, header with user}`, or `{'absent' | 'conflict' | 'expired' | 'corrupt'}`
 *
 * What the writer does not say (creation, TTL, absolute end, user) stays as it is in the record. A record that already has the new
 * tag is a repetition of this very write: it is answered as written, and nothing is written twice. O(size of the record).
 */
export const PUT = script(`${KIND_OF}${ANNOUNCE}
local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_LENGTH - 1})
local kind = kind_of(head)
if kind == 'corrupt' or kind == 'gone' then return {'corrupt'} end
local live = kind == 'live'
local mode, tag = ARGV[1], live and string.sub(head, 3, 14) or ''
local function header() return string.sub(head, 1, ${HEADER_LENGTH} + tonumber(string.sub(head, 75, 78))) end
if live and tag == ARGV[3] then return {'written', redis.call('PTTL', KEYS[1]), header()} end
if mode == 'update' and kind == 'absent' then return {'absent'} end
if (mode == 'create' and kind ~= 'absent') or (mode == 'update' and tag ~= ARGV[2]) then return {'conflict'} end

local created, generation, absolute = string.format('%013d', ARGV[4]), '00000000', '0000000000000'
local ttl, user = tonumber(ARGV[5]) or tonumber(ARGV[6]), ARGV[9]
if live then
  created, absolute, generation = string.sub(head, 15, 27), string.sub(head, 54, 66), string.sub(head, 67, 74)
  ttl, user = tonumber(ARGV[5]) or tonumber(string.sub(head, 41, 53)), string.sub(header(), ${HEADER_LENGTH + 1})
end
local life, expires = ttl, tonumber(ARGV[7]) or ARGV[4] + ttl
if ARGV[8] ~= '' or tonumber(absolute) > 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if ARGV[8] ~= '' then absolute = string.format('%013d', now + ARGV[8]) end
  if absolute - now < life then life, expires = absolute - now, ARGV[4] + absolute - now end
  if life <= 0 then return {'expired'} end
end
head = 'L1' .. ARGV[3] .. created .. string.format('%013d%013d', expires, ttl) .. absolute .. generation
  .. string.format('%04d', #user) .. user
redis.call('SET', KEYS[1], head .. ARGV[10], 'PX', life)
announce(KEYS[2], ARGV[11], 'I', ARGV[3], ARGV[12], KEYS[1])
return {'written', life, head}
`);
