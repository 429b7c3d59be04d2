import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { quantile, spreadOf } from "../harness.mjs";
import { info } from "../redis.mjs";

/**
 * @typedef {import("../harness.mjs").Spread} Spread
 * @typedef {Awaited<ReturnType<typeof import("../redis.mjs").connectNodeRedis>>} Client
 *
 * @typedef {object} Effort
 * @property {readonly number[]} sizes how many nodes
 * @property {readonly number[]} rates writes per second, of all nodes together; beside none at all
 * @property {number} seconds of each phase
 * @property {number} rounds
 *
 * @typedef {object} Measured what some nodes cost that write so often; all but the first two over the rounds
 * @property {number} nodes
 * @property {number} writesPerSecond
 * @property {Spread} p50Ms from the call of a write until another node has dropped its copy; NaN, like all of a write, if there is none
 * @property {Spread} p99Ms
 * @property {Spread} resolvedMs from the call of a write until it resolved, the median of a round
 * @property {Spread} cpuPerSecond processor time of Redis per second
 * @property {Spread} cpuUsPerWrite the same per write, without that of the beats
 * @property {Spread} bytesPerWrite what Redis sends per write, without what it sends for the beats
 * @property {Spread} writesDone per second
 * @property {Spread} commandsPerSecond scripts that nodes ran
 * @property {Spread} beatsPerSecond
 * @property {number} missed breaks of the chain, in all rounds
 * @property {number} failed writes that Redis did not answer in time, in all rounds
 */

/** The nodes are spread over so many processes at most. */
const PROCESSES = 4;

/**
 * Lets nodes in several processes write at several rates on one Redis.
 *
 * @param {Client} observer a connection of its own to that Redis
 * @param {string} redisUrl
 * @param {Effort} effort
 * @returns {Promise<Measured[]>}
 */
export async function measure(observer, redisUrl, { sizes, rates, seconds, rounds }) {
  const measured = [];
  for (const nodes of sizes) {
    const fleet = await Fleet.start(redisUrl, nodes);
    await fleet.play({ seconds: seconds / 2, writesPerSecond: Math.max(...rates) }); // until all of it is compiled
    /** @type {Map<number, Round[]>} */
    const played = new Map([0, ...rates].map((rate) => [rate, []]));
    for (let round = 0; round < rounds; round++) {
      const idle = await playRound(observer, fleet, { seconds, writesPerSecond: 0 });
      played.get(0)?.push(idle);
      for (const rate of rates)
        played.get(rate)?.push(await playRound(observer, fleet, { seconds, writesPerSecond: rate }, idle));
    }
    await fleet.stop();
    for (const [rate, of] of played) measured.push(summary(nodes, rate, of));
  }
  return measured;
}

/**
 * @typedef {object} Round
 * @property {number} seconds
 * @property {number} writes
 * @property {number} cpuUs
 * @property {number} bytes
 * @property {number} commands
 * @property {number} beats
 * @property {number} missed
 * @property {number} failed
 * @property {Float64Array} latenciesMs
 * @property {Float64Array} resolvedMs
 * @property {Pick<Round, "seconds" | "cpuUs" | "bytes"> | undefined} idle the round of beats alone before
 */

/**
 * @param {Client} observer
 * @param {Fleet} fleet
 * @param {import("./nodes.mjs").Phase} phase
 * @param {Round} [idle]
 * @returns {Promise<Round>}
 */
async function playRound(observer, fleet, phase, idle) {
  const before = await counters(observer);
  const heard = await fleet.play(phase);
  const after = await counters(observer);
  return {
    ...heard,
    writes: heard.resolvedMs.length,
    seconds: after.seconds - before.seconds,
    cpuUs: after.cpuUs - before.cpuUs,
    bytes: after.bytes - before.bytes,
    commands: after.commands - before.commands,
    idle,
  };
}

/**
 * @param {number} nodes
 * @param {number} writesPerSecond
 * @param {readonly Round[]} rounds
 * @returns {Measured}
 */
function summary(nodes, writesPerSecond, rounds) {
  /** @param {(round: Round) => number} of */
  const over = (of) => spreadOf(rounds.map(of));
  /** @param {"cpuUs" | "bytes"} key */
  const perWrite = (key) =>
    over((round) => {
      const { idle = round } = round;
      return (round[key] - (idle[key] / idle.seconds) * round.seconds) / round.writes;
    });
  return {
    nodes,
    writesPerSecond,
    p50Ms: over(({ latenciesMs }) => quantile([...latenciesMs], 0.5)),
    p99Ms: over(({ latenciesMs }) => quantile([...latenciesMs], 0.99)),
    resolvedMs: over(({ resolvedMs }) => quantile([...resolvedMs], 0.5)),
    cpuPerSecond: over(({ cpuUs, seconds }) => cpuUs / 1e6 / seconds),
    cpuUsPerWrite: perWrite("cpuUs"),
    bytesPerWrite: perWrite("bytes"),
    writesDone: over(({ writes, seconds }) => writes / seconds),
    commandsPerSecond: over(({ commands, seconds }) => commands / seconds),
    beatsPerSecond: over(({ beats, seconds }) => beats / seconds),
    missed: rounds.reduce((sum, { missed }) => sum + missed, 0),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/**
 * What the server has done since its start.
 *
 * @param {Client} observer
 */
async function counters(observer) {
  const counts = await info(observer, "all");
  const seconds = Number(counts.get("used_cpu_user")) + Number(counts.get("used_cpu_sys"));
  return {
    seconds: performance.now() / 1_000,
    cpuUs: seconds * 1e6,
    bytes: Number(counts.get("total_net_output_bytes")),
    commands: Number(/calls=(\d+)/.exec(counts.get("cmdstat_evalsha") ?? "")?.[1] ?? 0),
  };
}

/** Nodes in several processes: `nodes.mjs`. */
class Fleet {
  #processes;
  /** Aborted when a process ends: nobody waits for its answer. */
  #ended = new AbortController();

  /**
   * @param {string} redisUrl
   * @param {number} nodes
   */
  static async start(redisUrl, nodes) {
    const script = new URL("nodes.mjs", import.meta.url);
    const count = Math.min(PROCESSES, nodes);
    const processes = Array.from({ length: count }, (_, n) => {
      const share = Math.floor(nodes / count) + (n < nodes % count ? 1 : 0);
      return fork(script, [redisUrl, String(share)], { serialization: "advanced" });
    });
    await Promise.all(processes.map((process) => once(process, "message")));
    await delay(1_000); // until beats are not in step any more
    return new Fleet(processes);
  }

  /** @param {import("node:child_process").ChildProcess[]} processes */
  constructor(processes) {
    this.#processes = processes;
    for (const process of processes) process.once("exit", () => this.#ended.abort());
  }

  /**
   * @param {import("./nodes.mjs").Phase} phase
   * @returns {Promise<import("./nodes.mjs").Heard>}
   */
  async play({ seconds, writesPerSecond }) {
    const share = { seconds, writesPerSecond: writesPerSecond / this.#processes.length };
    const heard = await Promise.all(
      this.#processes.map(async (process) => {
        const answer = once(process, "message", { signal: this.#ended.signal });
        process.send(share);
        const [told] = await answer;
        return /** @type {import("./nodes.mjs").Heard} */ (told);
      }),
    );
    return {
      latenciesMs: Float64Array.from(heard.flatMap(({ latenciesMs }) => [...latenciesMs])),
      resolvedMs: Float64Array.from(heard.flatMap(({ resolvedMs }) => [...resolvedMs])),
      beats: heard.reduce((sum, { beats }) => sum + beats, 0),
      missed: heard.reduce((sum, { missed }) => sum + missed, 0),
      failed: heard.reduce((sum, { failed }) => sum + failed, 0),
    };
  }

  async stop() {
    await Promise.all(
      this.#processes.map(async (process) => {
        const exited = once(process, "exit");
        process.disconnect();
        await exited;
      }),
    );
  }
}
