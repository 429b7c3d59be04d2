import { script } from "../../redis/scripts/script.js";

/**
 * Removes a chain that no node follows.
 *
 * - KEYS 1 meta
 * - returns 1 if it was removed, else 0
 *
 * O(nodes).
 */
export const FORGET_CHAIN = script(`
for _, field in ipairs(redis.call('HGETALL', KEYS[1])) do
  if string.sub(field, 1, 2) == 'n:' then return 0 end
end
return redis.call('UNLINK', KEYS[1])
`);
