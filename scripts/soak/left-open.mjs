import { setTimeout as delay } from "node:timers/promises";

const TICK_MS = 100;
const CLOSE_MS = 2_000;

/**
 * What keeps this process alive that did not before. What is being closed has some time for it.
 *
 * @param {readonly string[]} idle what `process.getActiveResourcesInfo()` said then
 */
export async function leftOpen(idle) {
  for (let waitedMs = 0; ; waitedMs += TICK_MS) {
    const before = [...idle];
    const left = process.getActiveResourcesInfo().filter((resource) => {
      const known = before.indexOf(resource);
      if (known >= 0) before.splice(known, 1);
      return known < 0;
    });
    if (left.length === 0 || waitedMs >= CLOSE_MS) return left;
    await delay(TICK_MS);
  }
}
