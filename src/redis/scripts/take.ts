import { HEAD_LENGTH } from "../../session/record.js";
import { ANNOUNCE } from "./announce.js";
import { HEAD } from "./head.js";
import { script } from "./script.js";

/**
 * Reads a record and deletes it, in one atomic step: of all who try, one gets it. Leaves no tombstone.
 *
 * - KEYS 1 record, 2 meta, 3 generations
 * - ARGV 1 new tag, 2 channel or '', 3 node
 * - returns `{record, remaining life in ms, or -1 for no end}`; nil if there is none
 *
 * An alias, and a record that cannot be read, are returned and left as they are. The nodes are told as of a write, which makes them drop their copies; they
 * need not remember a deletion after which the key may be written again. O(size of the record).
 */
export const TAKE = script(`${HEAD}${ANNOUNCE}
local record = redis.call('GET', KEYS[1])
if not record then return nil end
local kind = kind_of(string.sub(record, 1, ${HEAD_LENGTH}), KEYS[3])
if kind == 'gone' then return nil end
local life = redis.call('PTTL', KEYS[1])
if kind == 'live' or kind == 'foreign' then
  redis.call('UNLINK', KEYS[1])
  announce(KEYS[2], ARGV[2], 'I', ARGV[1], ARGV[3], KEYS[1])
end
return {record, life}
`);
