/**
 * Answers the questions of this directory, each in a process of its own:
 *
 *     npm run bench                          all of them
 *     npm run bench -- reads writes          only these
 *     npm run bench -- --json figures.json   also writes all figures to a file
 *     npm run bench -- --quick               only shows that everything works; the figures mean nothing
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { provideRedis } from "../scripts/with-redis.mjs";
import { QUESTIONS } from "./questions.mjs";
import { connectNodeRedis, info } from "./redis.mjs";
import { render } from "./report.mjs";

const FULL = { rounds: 30, roundMs: 20, warmUpMs: 200 };
const LEGEND =
  "Medians, with the first and the third quartile of the rounds; ratios to the first line, round by round.";
const QUICK = { rounds: 2, roundMs: 1, warmUpMs: 1 };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" }, quick: { type: "boolean", default: false } },
});
const unknown = positionals.filter((name) => !QUESTIONS.includes(name));
if (unknown.length > 0) {
  console.error(`No such question: ${unknown.join(", ")}. There are: ${QUESTIONS.join(", ")}.`);
  process.exit(2);
}
const questions = QUESTIONS.filter((name) => positionals.length === 0 || positionals.includes(name));

const redis = await provideRedis();
try {
  const machine = await describeMachine(redis.url);
  console.log(`${Object.values(machine).join(" · ")}\n${LEGEND}\n`);
  /** @type {Record<string, import("./report.mjs").Table[]>} */
  const answers = {};
  for (const name of questions) {
    const tables = await ask(name, {
      redisUrl: redis.url,
      quick: values.quick,
      effort: values.quick ? QUICK : FULL,
    });
    answers[name] = tables;
    for (const table of tables) console.log(render(table));
  }
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ machine, answers }, null, 2)}\n`);
} finally {
  await redis.stop();
}

/**
 * A process of its own spares each question what the others leave behind: garbage, and code compiled for other operations.
 *
 * @param {string} name
 * @param {import("./questions.mjs").Context} context
 * @returns {Promise<import("./report.mjs").Table[]>}
 */
async function ask(name, context) {
  const script = new URL("answer.mjs", import.meta.url);
  const worker = fork(script, [name, JSON.stringify(context)], { execArgv: ["--expose-gc"] });
  /** @type {import("./report.mjs").Table[] | undefined} */
  let tables;
  worker.once("message", (/** @type {import("./report.mjs").Table[]} */ answer) => {
    tables = answer;
  });
  const [code] = await once(worker, "exit");
  if (code !== 0 || tables === undefined) throw new Error(`${name}: ended with code ${code}`);
  return tables;
}

/**
 * What the figures are measured on.
 *
 * @param {string} redisUrl
 */
async function describeMachine(redisUrl) {
  const client = await connectNodeRedis(redisUrl);
  const server = await info(client, "server");
  client.destroy();
  return {
    cpu: `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`,
    platform: `${process.platform} ${process.arch}`,
    node: `Node ${process.version}`,
    redis: server.has("valkey_version")
      ? `Valkey ${server.get("valkey_version")}`
      : `Redis ${server.get("redis_version")}`,
  };
}
