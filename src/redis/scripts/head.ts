import { ALIAS_HEADER_LENGTH, HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";
import { NOW } from "./now.js";

/**
 * The part that all scripts share which look at a record's header.
 *
 * `head_of(key)`: what the record under a key begins with, '' if there is none; false if the key holds no string.
 *
 * `user_of(head)`: the user of a live record, percent-encoded, or ''.
 *
 * `generation_of(generations, user)`: the user's generation now, in 8 digits. Sessions that were stamped with an earlier one are over.
 *
 * `kind_of(head, generations)`: what kind of record begins with `head`: `live` for one of ours, `foreign` for the plain JSON of another store,
 * `absent` for none, `moved` for an alias, `gone` for a tombstone, an alias whose grace is over or a session whose user was revoked, and
 * `corrupt` for whatever else there is, which must be left as it is. Layout: `session/record.ts`. O(1).
 *
 * `target_of(key)`: the id that the alias under a key leads to. No script goes there itself: that key may be in another slot.
 */
export const HEAD = `${NOW}
local function head_of(key)
  local head = redis.pcall('GETRANGE', key, 0, ${HEAD_LENGTH - 1})
  if type(head) == 'string' then return head end
  if string.find(head.err, 'WRONGTYPE', 1, true) then return false end
  return redis.call('GETRANGE', key, 0, ${HEAD_LENGTH - 1}) -- fails again, and the script with it
end
local function user_of(head)
  return string.sub(head, ${HEADER_LENGTH + 1}, ${HEADER_LENGTH} + tonumber(string.sub(head, 75, 78)))
end
local function generation_of(generations, user)
  return string.format('%08d', redis.call('HGET', generations, user) or 0)
end
local function kind_of(head, generations)
  if head == '' then return 'absent' end
  local format = string.sub(head, 1, 2)
  if format == 'T1' then return 'gone' end
  if string.sub(head, 1, 1) == '{' then return 'foreign' end
  if format == 'A1' then
    if #head <= ${ALIAS_HEADER_LENGTH} or string.find(string.sub(head, 3, ${ALIAS_HEADER_LENGTH}), '%D') then return 'corrupt' end
    return now_ms() < tonumber(string.sub(head, 3, ${ALIAS_HEADER_LENGTH})) and 'moved' or 'gone'
  end
  local numbers = string.sub(head, 15, ${HEADER_LENGTH})
  if format ~= 'L1' or #numbers < ${HEADER_LENGTH - 14} or string.find(numbers, '%D') then return 'corrupt' end
  local length = tonumber(string.sub(numbers, -4))
  if #head < ${HEADER_LENGTH} + length then return 'corrupt' end
  if length > 0 and string.sub(head, 67, 74) < generation_of(generations, user_of(head)) then return 'gone' end
  return 'live'
end
local function target_of(key)
  return redis.call('GETRANGE', key, ${ALIAS_HEADER_LENGTH}, -1)
end
`;
