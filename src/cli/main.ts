#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { CommandError } from "./client.js";
import { doctor } from "./doctor.js";
import { helpText, parseCommandLine, UsageError } from "./flags.js";
import { terminalOf } from "./report.js";
import { resolveExamination, resolvePlan } from "./resolve.js";
import { migrate } from "./run.js";

const terminal = terminalOf(process);
let interrupted = false;

/** Runs the command line; the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(args);
  if (line.flags.help) return show(helpText(line.command));
  if (line.flags.version) return show(`${version()}\n`);
  if (line.command === undefined) throw new UsageError("A command is missing: migrate or doctor.");
  if (line.command === "doctor") return doctor(resolveExamination(line.flags, process.env), terminal);
  const plan = resolvePlan(line.flags, process.env);
  process.once("SIGINT", () => {
    interrupted = true; // a second one ends the process at once
  });
  return migrate(plan, terminal, () => interrupted);
}

function show(text: string): number {
  terminal.print(text);
  return 0;
}

function version(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof CommandError)) throw error;
  terminal.fail(error instanceof UsageError ? `${error.message} See sessionmesh --help.` : error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
