import { script } from "./script.js";

/**
 * Takes nodes out of the registry: those that fell silent, and one that leaves.
 *
 * - KEYS 1 meta
 * - ARGV node, beats, …: a node goes only if it has sent no beat since it had this number; `*`: whatever its number
 * - returns how many went
 *
 * O(nodes given).
 */
export const LEAVE = script(`
local gone = 0
for i = 1, #ARGV, 2 do
  local field = 'n:' .. ARGV[i]
  if ARGV[i + 1] == '*' or redis.call('HGET', KEYS[1], field) == ARGV[i + 1] then
    gone = gone + redis.call('HDEL', KEYS[1], field)
  end
end
return gone
`);
