import { setTimeout as delay } from "node:timers/promises";

const POLL_INTERVAL_MS = 5;

/**
 * Waits until a condition holds, that is, until the function neither throws nor answers `false`. Returns its answer.
 *
 * @throws what the function threw last, after `timeoutMs` (default: 10 seconds).
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000 }: { timeoutMs?: number } = {},
): Promise<Exclude<T, false>> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      const answer = await condition();
      if (answer !== false) return answer as Exclude<T, false>;
      throw new Error(`Still false after ${timeoutMs} ms: ${condition}`);
    } catch (error) {
      if (performance.now() >= deadlineMs) throw error;
    }
    await delay(POLL_INTERVAL_MS);
  }
}
