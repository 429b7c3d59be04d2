import { type ParseArgsConfig, parseArgs } from "node:util";

/** What a command line says wrong: told in one line, with exit code 2. */
export class UsageError extends Error {}

/** One flag of `sessionmesh migrate`. */
interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** How its value is called in the help. */
  readonly value?: string;
  readonly help: string;
}

/** How many keys one step looks at. */
export const DEFAULT_BATCH = 500;

/** The flags of `sessionmesh migrate`, in the order of the help. */
export const FLAGS = {
  to: { type: "string", value: "<format>", help: "sessionmesh, connect-redis or koa-redis; required" },
  prefix: { type: "string", value: "<text>", help: 'what the keys shall begin with; default "sess:"' },
  "from-prefix": {
    type: "string",
    value: "<text>",
    help: "what the keys begin with now; default: the same, each record is rewritten where it is",
  },
  "id-prefix": {
    type: "string",
    value: "<text>",
    help: "only sessions whose id begins with this; needed where the keys begin with nothing else",
  },
  url: { type: "string", value: "<url>", help: "the Redis server; default: the variable REDIS_URL" },
  client: {
    type: "string",
    value: "<package>",
    help: "redis or ioredis; default: the one that is installed",
  },
  "ttl-ms": {
    type: "string",
    value: "<n>",
    help: "what a touch grants a session that becomes one of sessionmesh; default 86400000",
  },
  batch: { type: "string", value: "<n>", help: `how many keys a step looks at; default ${DEFAULT_BATCH}` },
  cursor: { type: "string", value: "<cursor>", help: "go on where an interrupted run ended" },
  "dry-run": { type: "boolean", help: "count, and change nothing" },
  help: { type: "boolean", short: "h", help: "print this" },
  version: { type: "boolean", short: "v", help: "print the version" },
} as const satisfies Record<string, Flag>;

/** The flags as they were given. */
export type Flags = {
  readonly [F in keyof typeof FLAGS]?: (typeof FLAGS)[F]["type"] extends "string" ? string : boolean;
};

/** What the command line asks for. */
export interface CommandLine {
  readonly command: string | undefined;
  readonly flags: Flags;
}

/** Reads a command line. Throws a `UsageError` for a flag that there is not. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const options: ParseArgsConfig["options"] = FLAGS;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [command, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(rest[0])}.`);
    return { command, flags: values as Flags };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message);
  }
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = Object.entries<Flag>(FLAGS).map(([name, { short, value = "", help }]) => {
    const flag = `${short === undefined ? "" : `-${short}, `}--${name} ${value}`.trimEnd();
    return `  ${flag.padEnd(24)}${help}`;
  });
  return `Usage: sessionmesh migrate --to <format> [flags]

Rewrites the sessions of a Redis server: into records of sessionmesh, or back into the plain JSON of
connect-redis (@fastify/session reads the same) or koa-redis. Each record on its own, and only if nobody
changed it meanwhile, so it can be interrupted and run again. Back into JSON also deletes the tombstones,
which those stores cannot read: stop the nodes of sessionmesh first.

${rows.join("\n")}

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
`;
}
