import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";

const PATIENCE_MS = 10_000;
const POLL_INTERVAL_MS = 5;

/** Waits until a condition holds, for ten seconds at most. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(performance.now() < deadlineMs, `Still not the case after ${PATIENCE_MS} ms: ${condition}`);
    await delay(POLL_INTERVAL_MS);
  }
}
