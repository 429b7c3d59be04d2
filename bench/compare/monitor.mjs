/** What a script does inside of the server was not sent. */
const BY_SCRIPT = /^\S+ \[\d+ lua\]/;

/**
 * Counts the commands that Redis is sent from now on.
 *
 * @param {Awaited<ReturnType<typeof import("../redis.mjs").connectNodeRedis>>} client
 * @returns {Promise<{ stop: () => number }>}
 */
export async function countCommands(client) {
  let sent = 0;
  const monitor = client.duplicate();
  monitor.on("error", () => {});
  await monitor.connect();
  await monitor.monitor((line) => {
    if (!BY_SCRIPT.test(String(line))) sent++;
  });
  return {
    stop() {
      monitor.destroy();
      return sent;
    },
  };
}
