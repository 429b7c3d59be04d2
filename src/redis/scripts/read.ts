import { HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Reads a session and what is left of its life, in one atomic step.
 *
 * - KEYS 1 record, 2 generations
 * - ARGV 1 tag that the caller knows, or ''
 * - returns `{record, remaining life in ms, or -1 for no end}`, with only the header and the user if the record has that tag; nil if
 *   there is none; `'gone'` for a tombstone, and for a session whose user was revoked
 *
 * An alias is given like a record. O(size of the record).
 */
export const READ = script(`${HEAD}
if ARGV[1] ~= '' then
  local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_LENGTH - 1})
  if string.sub(head, 3, 14) == ARGV[1] and kind_of(head, KEYS[2]) == 'live' then
    return {string.sub(head, 1, ${HEADER_LENGTH} + tonumber(string.sub(head, 75, 78))), redis.call('PTTL', KEYS[1])}
  end
end
local record = redis.call('GET', KEYS[1])
if not record then return nil end
if kind_of(string.sub(record, 1, ${HEAD_LENGTH}), KEYS[2]) == 'gone' then return 'gone' end
return {record, redis.call('PTTL', KEYS[1])}
`);
