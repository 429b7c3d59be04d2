import { type ParseArgsConfig, parseArgs } from "node:util";
import { DEFAULT_CHANNEL } from "../options.js";

/** What a command line says wrong: told in one line, with exit code 2. */
export class UsageError extends Error {}

/** One flag of a command. */
interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** How its value is called in the help. */
  readonly value?: string;
  readonly help: string;
}

/** How many keys one step looks at. */
export const DEFAULT_BATCH = 500;

/** What all commands take that talk to Redis. */
const SERVER = {
  url: {
    type: "string",
    value: "<url>",
    help: "the Redis server: redis://, rediss:// or unix://; default: the variable REDIS_URL",
  },
  client: {
    type: "string",
    value: "<package>",
    help: "redis or ioredis; default: the one that is installed",
  },
} as const satisfies Record<string, Flag>;

const HELP = {
  help: { type: "boolean", short: "h", help: "print this" },
  version: { type: "boolean", short: "v", help: "print the version" },
} as const satisfies Record<string, Flag>;

/** The flags of each command, in the order of the help. */
export const FLAGS = {
  migrate: {
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
    ...SERVER,
    "ttl-ms": {
      type: "string",
      value: "<n>",
      help: "what a touch grants a session that becomes one of sessionmesh; default 86400000",
    },
    batch: { type: "string", value: "<n>", help: `how many keys a step looks at; default ${DEFAULT_BATCH}` },
    cursor: { type: "string", value: "<cursor>", help: "go on where an interrupted run ended" },
    "dry-run": { type: "boolean", help: "count, and change nothing" },
    ...HELP,
  },
  doctor: {
    ...SERVER,
    prefix: {
      type: "string",
      value: "<text>",
      help: 'what the keys of sessions begin with; default "sess:"',
    },
    channel: { type: "string", value: "<name>", help: `cluster.channel; default "${DEFAULT_CHANNEL}"` },
    partitions: {
      type: "string",
      value: "<n>",
      help: "cluster.partitions, on a Redis Cluster; default: as it is recorded there, or 16",
    },
    pubsub: {
      type: "string",
      value: "<mode>",
      help: "cluster.pubsub: sharded or plain; default: as it is recorded there, or sharded",
    },
    json: { type: "boolean", help: "print JSON" },
    ...HELP,
  },
} as const satisfies Record<string, Record<string, Flag>>;

/** A command of `sessionmesh`. */
export type CommandName = keyof typeof FLAGS;

/** The flags of a command as they were given. */
export type Flags<C extends CommandName> = {
  readonly [F in keyof (typeof FLAGS)[C]]?: (typeof FLAGS)[C][F] extends { type: "string" }
    ? string
    : boolean;
};

/** What the command line asks for; without a command, `--help` or `--version` at most. */
export type CommandLine =
  | { readonly command: "migrate"; readonly flags: Flags<"migrate"> }
  | { readonly command: "doctor"; readonly flags: Flags<"doctor"> }
  | { readonly command: undefined; readonly flags: { readonly help?: boolean; readonly version?: boolean } };

/** Reads a command line. Throws a `UsageError` for a command or a flag that there is not. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const all: ParseArgsConfig["options"] = { ...FLAGS.migrate, ...FLAGS.doctor };
  const { positionals } = parseArgs({ args: [...args], options: all, allowPositionals: true, strict: false });
  const [command, ...rest] = positionals;
  if (command !== undefined && !Object.hasOwn(FLAGS, command)) {
    throw new UsageError(`Unknown command ${JSON.stringify(command)}.`);
  }
  const options: ParseArgsConfig["options"] = command === undefined ? HELP : FLAGS[command as CommandName];
  try {
    const { values } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(rest[0])}.`);
    return { command, flags: values } as CommandLine;
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message);
  }
}

const ABOUT: Record<CommandName, string> = {
  migrate: `Usage: sessionmesh migrate --to <format> [flags]

Rewrites the sessions of a Redis server: into records of sessionmesh, or back into the plain JSON of
connect-redis (@fastify/session reads the same) or koa-redis. Each record on its own, and only if nobody
changed it meanwhile, so it can be interrupted and run again. Back into JSON also deletes the tombstones,
which those stores cannot read: stop the nodes of sessionmesh first.
`,
  doctor: `Usage: sessionmesh doctor [flags]

Checks whether a Redis server is as sessionmesh needs it, says what is wrong, and how to mend it. It writes
a session of its own for that, and deletes it again.
`,
};

const EXIT_CODES: Record<CommandName, string> = {
  migrate: "0 done, 1 failed, 2 wrong usage, 130 interrupted",
  doctor: "0 sessions work, 1 they do not, 2 wrong usage",
};

/** What `--help` prints: of one command, or of all. */
export function helpText(command?: CommandName): string {
  const commands = command === undefined ? (Object.keys(FLAGS) as CommandName[]) : [command];
  return commands.map(helpOf).join("\n");
}

function helpOf(command: CommandName): string {
  const rows = Object.entries<Flag>(FLAGS[command]).map(([name, { short, value = "", help }]) => {
    const flag = `${short === undefined ? "" : `-${short}, `}--${name} ${value}`.trimEnd();
    return `  ${flag.padEnd(24)}${help}`;
  });
  return `${ABOUT[command]}\n${rows.join("\n")}\n\nExit codes: ${EXIT_CODES[command]}.\n`;
}
