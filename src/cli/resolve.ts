import {
  CONTROL_CHARACTER,
  DEFAULT_CHANNEL,
  DEFAULT_PREFIX,
  DEFAULT_TTL_MS,
  MAX_PARTITIONS,
  MAX_TTL_MS,
} from "../options.js";
import type { PubSubMode } from "../redis/port.js";
import { DEFAULT_BATCH, type Flags, UsageError } from "./flags.js";
import { parseUnixUrl } from "./unix-url.js";

/** What a record can be rewritten into. */
export const FORMATS = ["sessionmesh", "connect-redis", "koa-redis"] as const;
/** One of them. */
export type Format = (typeof FORMATS)[number];

/** The packages that can talk to Redis. */
export const CLIENTS = ["redis", "ioredis"] as const;
/** One of them. */
export type ClientPackage = (typeof CLIENTS)[number];

/** What a run shall do: the flags, checked and completed. */
export interface MigrationPlan {
  readonly to: Format;
  readonly fromPrefix: string;
  readonly prefix: string;
  readonly idPrefix: string;
  readonly url: string;
  readonly client: ClientPackage | undefined;
  readonly ttlMs: number;
  readonly batch: number;
  readonly cursor: string;
  readonly dryRun: boolean;
}

/** What `doctor` shall look at: the flags, checked and completed. */
export interface Examination {
  readonly url: string;
  readonly client: ClientPackage | undefined;
  readonly prefix: string;
  readonly channel: string;
  /** How the nodes split the sessions of a Redis Cluster; `undefined`: as it stands there, or by default. */
  readonly partitions: number | undefined;
  readonly pubsub: PubSubMode | undefined;
  readonly json: boolean;
}

const PUBSUB_MODES = ["sharded", "plain"] as const satisfies readonly PubSubMode[];

/** The environment of the process. */
type Env = Readonly<Record<string, string | undefined>>;

const MAX_BATCH = 10_000;

/** Checks the flags and fills in what they leave out. Throws a `UsageError`. */
export function resolvePlan(flags: Flags<"migrate">, env: Env): MigrationPlan {
  const { prefix = DEFAULT_PREFIX, "id-prefix": idPrefix = "", cursor = "0" } = flags;
  const { "from-prefix": fromPrefix = prefix } = flags;
  const to = oneOf("to", flags.to, FORMATS);
  if (to === undefined) throw new UsageError(`--to is required: ${FORMATS.join(", ")}.`);
  requireText("prefix", prefix);
  requireText("from-prefix", fromPrefix);
  requireText("id-prefix", idPrefix);
  const url = urlOf(flags.url, env);
  if (!/^\d+$/.test(cursor))
    throw new UsageError("--cursor must be one that an interrupted run has printed.");
  requireSafePrefixes(to, { prefix, fromPrefix, idPrefix });
  return {
    to,
    fromPrefix,
    prefix,
    idPrefix,
    url,
    cursor,
    client: oneOf("client", flags.client, CLIENTS),
    ttlMs: numberOf("ttl-ms", flags["ttl-ms"], DEFAULT_TTL_MS, MAX_TTL_MS),
    batch: numberOf("batch", flags.batch, DEFAULT_BATCH, MAX_BATCH),
    dryRun: flags["dry-run"] === true,
  };
}

/** The same for `doctor`. */
export function resolveExamination(flags: Flags<"doctor">, env: Env): Examination {
  const { prefix = DEFAULT_PREFIX, channel = DEFAULT_CHANNEL } = flags;
  for (const [flag, value] of Object.entries({ prefix, channel })) {
    requireText(flag, value);
    if (value === "") throw new UsageError(`--${flag} must not be empty.`);
  }
  const url = urlOf(flags.url, env);
  return {
    url,
    client: oneOf("client", flags.client, CLIENTS),
    prefix,
    channel,
    partitions:
      flags.partitions === undefined
        ? undefined
        : numberOf("partitions", flags.partitions, 1, MAX_PARTITIONS),
    pubsub: oneOf("pubsub", flags.pubsub, PUBSUB_MODES),
    json: flags.json === true,
  };
}

function urlOf(url: string | undefined = "", env: Env): string {
  const given = url === "" ? (env.REDIS_URL ?? "") : url;
  if (given === "") throw new UsageError("--url is required where REDIS_URL is not set.");
  if (!/^(rediss?:\/\/.|unix:)/.test(given)) {
    throw new UsageError("--url must begin with redis://, rediss:// or unix://.");
  }
  const isValid = given.startsWith("unix:") ? parseUnixUrl(given) !== undefined : URL.canParse(given);
  if (!isValid) throw new UsageError("--url is no URL of a Redis server."); // not shown: it may have a password
  return given;
}

function requireSafePrefixes(
  to: Format,
  { prefix, fromPrefix, idPrefix }: { prefix: string; fromPrefix: string; idPrefix: string },
): void {
  if (fromPrefix + idPrefix === "") {
    throw new UsageError(
      "--id-prefix is required with an empty --from-prefix: all keys would be taken for sessions.",
    );
  }
  const [ours, flag] = to === "sessionmesh" ? [prefix, "prefix"] : [fromPrefix, "from-prefix"];
  if (ours === "") throw new UsageError(`--${flag} must not be empty: it is that of sessionmesh.`);
  if (prefix !== fromPrefix && (prefix + idPrefix).startsWith(fromPrefix + idPrefix)) {
    throw new UsageError("--prefix must not begin with --from-prefix: what is done would be met again.");
  }
}

function oneOf<T extends string>(
  flag: string,
  value: string | undefined,
  known: readonly T[],
): T | undefined {
  const found = known.find((item) => item === value);
  if (found === undefined && value !== undefined) {
    throw new UsageError(`--${flag} must be one of ${known.join(", ")}; received ${JSON.stringify(value)}.`);
  }
  return found;
}

function numberOf(flag: string, value: string | undefined, byDefault: number, most: number): number {
  if (value === undefined) return byDefault;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > most) {
    throw new UsageError(
      `--${flag} must be a whole number from 1 to ${most}; received ${JSON.stringify(value)}.`,
    );
  }
  return number;
}

function requireText(flag: string, value: string): void {
  if (CONTROL_CHARACTER.test(value)) throw new UsageError(`--${flag} must have no control characters.`);
}
