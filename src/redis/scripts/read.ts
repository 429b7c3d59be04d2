import { HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Reads sessions and what is left of their lives, in one atomic step.
 *
 * - KEYS 1 generations, from 2 the records
 * - ARGV for each record the tag that the caller knows, or ''
 * - returns for each `{record, remaining life in ms, or -1 for no end}`, with only the header and the user if the record has that tag; nil if
 *   there is none; `'gone'` for a tombstone, and for a session whose user was revoked; `'wrongtype'` where the key holds no string
 *
 * An alias is given like a record. A record of no user is over only when it is not there, which is seen without a look at the rest of its header: a third of the
 * time. O(size of the records).
 */
export const READ = script(`${HEAD}
local function read(key, tag)
  if tag ~= '' then
    local head = head_of(key)
    if not head then return 'wrongtype' end
    if string.sub(head, 3, 14) == tag and kind_of(head, KEYS[1]) == 'live' then
      return {string.sub(head, 1, ${HEADER_LENGTH} + tonumber(string.sub(head, 75, 78))), redis.call('PTTL', key)}
    end
  end
  local record = redis.pcall('GET', key)
  if not record then return false end
  if type(record) ~= 'string' then return 'wrongtype' end
  local is_nobodys = string.sub(record, 1, 2) == 'L1' and string.sub(record, 75, 78) == '0000'
  if not is_nobodys and kind_of(string.sub(record, 1, ${HEAD_LENGTH}), KEYS[1]) == 'gone' then return 'gone' end
  return {record, redis.call('PTTL', key)}
end
local replies = {}
for n, tag in ipairs(ARGV) do replies[n] = read(KEYS[n + 1], tag) end
return replies
`);
