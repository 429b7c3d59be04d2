/**
 * Checks the models of the protocol with Spin, and prints what came out:
 *
 *     node scripts/model.mjs [--all] [--only <check>] [--json <file>]
 *
 * Without options, the small checks: about a minute, and at most 2 GB for each of two at once. `--all` adds the large ones: about
 * an hour, one at a time, at most 12 GB. `--only` runs a single one and shows its counterexample, if there is one.
 *
 * Needs `spin` and `gcc`. Exits with 0 if all came out as expected, with 1 if one did not, and with 2 if nothing could be checked.
 */
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, setPriority, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { ASSERTIONS, CHECKS } from "../docs/internals/model/checks.mjs";

/** @typedef {import("../docs/internals/model/checks.mjs").Check} Check */

/**
 * @typedef {object} Result
 * @property {string} name of the check
 * @property {string} expected
 * @property {string} outcome `holds`, or what is violated, or why there is no answer
 * @property {number} states that were visited
 * @property {number} depth that the search reached, in steps
 * @property {number} seconds that it took, with the compilation
 * @property {string} counterexample its events, one a line; empty if there is none
 */

const MODELS = resolve(import.meta.dirname, "../docs/internals/model");

/** What searches may take, each. Of the processor's time, so that a busy machine changes no outcome. */
const LIMITS = {
  small: { atOnce: 2, cpuSeconds: 120, memoryMb: 2_000 },
  large: { atOnce: 1, cpuSeconds: 3_600, memoryMb: 12_000 },
};
const COMPILER_CPU_SECONDS = 60;
const MAX_DEPTH_STEPS = 100_000;

const NOTHING = { states: Number.NaN, depth: Number.NaN, counterexample: "" };

const run = promisify(execFile);
const stopped = new AbortController();

/**
 * Runs a program that is ended when its time is over, even if nobody is left to end it.
 *
 * @param {string} cwd
 * @param {number} cpuSeconds
 * @param {string[]} command
 * @returns {Promise<string>} what it printed
 */
async function bounded(cwd, cpuSeconds, command) {
  const script = 'ulimit -t "$1"; shift; exec "$@"';
  const args = ["-c", script, "sh", `${cpuSeconds}`, ...command];
  const { stdout } = await run("sh", args, { cwd, signal: stopped.signal });
  return stdout;
}

/**
 * @param {Check} check
 * @returns {Promise<Result>}
 */
export async function runCheck(check) {
  const started = performance.now();
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-model-"));
  const report = await search(check, directory).catch((error) => {
    const outOfTime = error.signal === "SIGXCPU" || error.signal === "SIGKILL";
    const [reason] = (error.stderr || error.message).split("\n");
    return { ...NOTHING, outcome: outOfTime ? "out of time" : `failed: ${reason}` };
  });
  await rm(directory, { recursive: true, force: true });
  return {
    name: check.name,
    expected: check.expect,
    ...report,
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * Lets Spin write the search as a C program, compiles and runs it.
 *
 * @param {Check} check
 * @param {string} directory to work in
 */
async function search(check, directory) {
  const { cpuSeconds, memoryMb } = limitsOf(check);
  const options = ["-DSAFETY", "-DNOREDUCE", `-DMEMLIM=${memoryMb}`];
  if (check.expect !== "holds") {
    // States are kept as hashes. Some are thereby taken for others and missed, but what is found is there.
    options.push("-DHC4", check.depthFirst ? "-DREVERSE" : "-DBFS");
  }
  // Most of a short search is its compilation. One node has few states.
  const short = check.expect !== "holds" && !check.defines.includes("N=2");
  options.push(check.large ? "-O2" : short ? "-O0" : "-O1");
  // That all processes are at their end is no error in the models that do end.
  const ends = check.model === "cas" || check.model === "fence" ? ["-E"] : [];

  const defines = check.defines.split(" ").filter(Boolean);
  const model = [...defines.map((define) => `-D${define}`), join(MODELS, `${check.model}.pml`)];
  await bounded(directory, COMPILER_CPU_SECONDS, ["spin", "-a", ...model]);
  await bounded(directory, COMPILER_CPU_SECONDS, ["gcc", "-w", ...options, "-o", "pan", "pan.c"]);
  const output = await bounded(directory, cpuSeconds, ["./pan", "-n", `-m${MAX_DEPTH_STEPS}`, ...ends]);

  const trail = join(directory, `${check.model}.pml.trail`);
  if (!existsSync(trail)) return { ...readReport(output), counterexample: "" };
  const replayed = await bounded(directory, COMPILER_CPU_SECONDS, ["spin", "-k", trail, "-t", ...model]);
  const [events = ""] = replayed.split(/^spin: /m);
  const counterexample = events.replaceAll(/^ +/gm, "");
  return { ...readReport(output), counterexample };
}

/** @param {Check} check */
const limitsOf = (check) => (check.large ? LIMITS.large : LIMITS.small);

/**
 * Reads what a search printed.
 *
 * @param {string} output
 */
export function readReport(output) {
  const number = (/** @type {RegExp} */ pattern) => Number(pattern.exec(output)?.[1]);
  return {
    outcome: outcomeOf(output),
    states: number(/([\d.e+]+) states, stored/),
    depth: number(/depth reached (\d+)/),
  };
}

/** @param {string} output */
function outcomeOf(output) {
  const error = /^pan:1: (.*)$/m.exec(output)?.[1];
  if (error !== undefined) return ASSERTIONS.find(([pattern]) => pattern.test(error))?.[1] ?? error;
  const incomplete = /out of memory|reached -DMEMLIM|max search depth too small|search not completed/i.exec(
    output,
  );
  if (incomplete) return `incomplete: ${incomplete[0]}`;
  return /errors: 0\b/.test(output) ? "holds" : "no answer";
}

/**
 * @param {readonly Check[]} checks
 * @param {number} atOnce
 * @param {(result: Result) => void} report called in the order of the checks
 */
async function runAll(checks, atOnce, report) {
  /** @type {Result[]} */
  const results = [];
  let next = 0;
  let reported = 0;
  const work = async () => {
    while (!stopped.signal.aborted) {
      const index = next++;
      const check = checks[index];
      if (!check) return;
      results[index] = await runCheck(check);
      for (let result = results[reported]; result; result = results[++reported]) report(result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

/** @param {Result} result */
const asExpected = ({ expected, outcome }) => outcome === expected;

/** @param {string[]} cells check, expectation, outcome, states, depth, seconds */
function row([name = "", expected = "", outcome = "", ...figures]) {
  return [
    name.padEnd(38),
    expected.padEnd(9),
    outcome.padEnd(9),
    ...figures.map((cell) => cell.padStart(11)),
  ].join("");
}

/** @param {Result} result */
function rowOf(result) {
  const { name, expected, outcome, states, depth, seconds } = result;
  const figures = [states.toLocaleString("en"), depth.toLocaleString("en"), seconds.toFixed(1)];
  return `${asExpected(result) ? " " : "✗"} ${row([name, expected, outcome, ...figures])}`;
}

/** @param {string} command */
async function isMissing(command) {
  return await run(command, ["--version"]).then(
    () => false,
    ({ code }) => code === "ENOENT",
  );
}

async function main() {
  const { values: options } = parseArgs({
    options: { all: { type: "boolean" }, only: { type: "string" }, json: { type: "string" } },
  });
  const checks = CHECKS.filter(({ name, large }) => {
    return options.only === undefined ? options.all || !large : name === options.only;
  });
  if (checks.length === 0) {
    console.error(`There is no check "${options.only}".`);
    return 2;
  }
  if ((await isMissing("spin")) || (await isMissing("gcc"))) {
    console.error("The models are checked with Spin and a C compiler. On Debian: apt-get install spin gcc");
    return 2;
  }

  setPriority(constants.priority.PRIORITY_BELOW_NORMAL); // other tests are waiting for something
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopped.abort());

  const spin = (await run("spin", ["-V"])).stdout.trim();
  console.log(`${spin}\n\n  ${row(["check", "expected", "outcome", "states", "depth", "seconds"])}`);
  const results = [];
  for (const limits of Object.values(LIMITS)) {
    const within = checks.filter((check) => limitsOf(check) === limits);
    results.push(...(await runAll(within, limits.atOnce, (result) => console.log(rowOf(result)))));
  }
  if (options.only !== undefined)
    console.log(`\n${results[0]?.counterexample || "no counterexample"}`.trimEnd());
  if (options.json !== undefined) await writeFile(options.json, JSON.stringify({ spin, results }));

  const expected = results.filter(asExpected).length;
  console.log(`\n${expected} as expected, ${checks.length - expected} not`);
  return expected === checks.length ? 0 : 1;
}

const entry = process.argv[1] ?? "";
if (existsSync(entry) && realpathSync(entry) === import.meta.filename) process.exitCode = await main();
