/** The part that all scripts share which look at the clock. `now_ms()`: the clock of Redis, in milliseconds since 1970. */
export const NOW = `
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;
