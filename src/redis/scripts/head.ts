import { HEADER_LENGTH } from "../../session/record.js";

/**
 * The part that all scripts share which look at a record's header: what kind of record begins with `head`.
 *
 * `live` for one of ours, `foreign` for the plain JSON of another store, `absent` for none, `gone` for a tombstone, and `corrupt` for whatever
 * else there is, which must be left as it is. Layout: `session/record.ts`. O(1).
 */
export const KIND_OF = `
local function kind_of(head)
  if head == '' then return 'absent' end
  if string.sub(head, 1, 2) == 'T1' then return 'gone' end
  if string.sub(head, 1, 1) == '{' then return 'foreign' end
  local numbers = string.sub(head, 15, ${HEADER_LENGTH})
  if string.sub(head, 1, 2) ~= 'L1' or #numbers < ${HEADER_LENGTH - 14} or string.find(numbers, '%D') then return 'corrupt' end
  return #head < ${HEADER_LENGTH} + tonumber(string.sub(numbers, -4)) and 'corrupt' or 'live'
end
`;
