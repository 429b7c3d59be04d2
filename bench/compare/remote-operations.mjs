import { setTimeout as delay } from "node:timers/promises";
import { inFlight } from "../harness.mjs";
import { makeData, makeId, makeSession } from "../sessions.mjs";
import { openRemotes } from "./remotes.mjs";
import { timeAll } from "./series.mjs";

const WIDTHS = [1, 64];
const VALUES = 16;
/** Deletions and revocations send an id, whatever the session's size: they are timed with this one. */
const ENDING_LENGTH = 1_000;
/** After twice the bound, the list of nodes in a new Redis is trusted, and a revocation waits for its nodes alone. */
const TRUSTED_MS = 4_400;

/** How many sessions are read and written, by their length: some 10 MB at most. */
const SESSIONS = (/** @type {number} */ length) => (length > 10_000 ? 64 : length > 1_000 ? 256 : 1_024);

/**
 * What goes to Redis: reads of what is not in memory, writes, deletions, revocations; one at a time, and 64. Who keeps sessions in memory
 * alone writes and deletes beside it.
 *
 * @param {{ port: number, effort: import("../harness.mjs").Effort, lengths: readonly number[], quick: boolean }} options
 * @returns {Promise<import("./figures.mjs").Operations["remote"]>}
 */
export async function run({ port, effort, lengths, quick }) {
  const remotes = await openRemotes(port);
  await delay(quick ? 0 : TRUSTED_MS);
  const results = [];
  let fresh = 0;
  for (const length of lengths) {
    // Each gets what its users give it: a middleware's store a session with its cookie, all others plain data.
    const sessions = Array.from({ length: VALUES }, () => makeSession(fresh++, length));
    const data = sessions.map((_, n) => makeData(fresh - VALUES + n, length));
    const count = quick ? 32 : SESSIONS(length);
    const ids = Array.from({ length: count }, (_, n) => `${length}:${makeId(n)}`);
    const id = (/** @type {number} */ i) => /** @type {string} */ (ids[i % count]);
    const valueFor = (/** @type {(typeof remotes)[0]} */ { takesSessions }, /** @type {number} */ i) =>
      /** @type {object} */ ((takesSessions ? sessions : data)[i % VALUES]);
    for (const remote of remotes) await inFlight(64)((n) => remote.write(id(n), valueFor(remote, n)))(count);
    for (const width of WIDTHS) {
      const at = inFlight(width);
      const miss = remotes.flatMap(({ name, miss }) =>
        miss === undefined ? [] : [{ name, run: at((i) => miss(id(i))) }],
      );
      results.push({ operation: "miss", width, length, rows: await timeAll(miss, effort) });
      const write = remotes.map((remote) => ({
        name: remote.name,
        run: at((i) => remote.write(id(i), valueFor(remote, i + fresh++))),
      }));
      results.push({ operation: "write", width, length, rows: await timeAll(write, effort) });
      if (length !== ENDING_LENGTH) continue;
      const ending = remotes.flatMap((remote) =>
        [
          { name: remote.name, end: remote.remove },
          ...(remote.revoke === undefined ? [] : [{ name: `${remote.name}: revoke`, end: remote.revoke }]),
        ].map(({ name, end }) => {
          /** @type {string[]} */
          let doomed = [];
          return {
            name,
            async prepare(/** @type {number} */ count) {
              doomed = Array.from({ length: count }, () => `doomed:${fresh++}`);
              await inFlight(64)((i) => remote.write(/** @type {string} */ (doomed[i]), valueFor(remote, i)))(
                count,
              );
            },
            run: at((i) => end(/** @type {string} */ (doomed[i]))),
          };
        }),
      );
      results.push({ operation: "delete", width, length, rows: await timeAll(ending, effort) });
    }
  }
  for (const { close } of remotes) await close();
  return results;
}
