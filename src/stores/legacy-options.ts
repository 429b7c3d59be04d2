import { InvalidOptionError } from "../errors.js";
import { CONTROL_CHARACTER, DEFAULT_LEGACY_FORMAT, requireKnownOptions, requireMethods } from "../options.js";
import { isPlainJson, kindOfRecord } from "../session/record.js";

/** How another store spelt its sessions. */
export interface LegacyFormat<T> {
  /** Makes a session's data of the text. Throws if it cannot; the record is then reported as corrupt and left as it is. */
  decode(text: string): T;
}

/** The sessions that another store left. They are read as they are, and become this store's own at their first write. */
export interface LegacyOptions<T> {
  /**
   * What stands before an id in their Redis keys; `""` for nothing, as with koa-redis. Default: the store's own prefix. With an empty one, the
   * methods that list or clear sessions leave them out: nothing tells them from the rest of the database.
   */
  prefix?: string;
  /** `"json"`: a text that begins with `{`. Or what reads another one, as of connect-redis with a `serializer`. Default `"json"`. */
  format?: "json" | LegacyFormat<T>;
}

/** These options, resolved. */
export interface Legacy<T> extends LegacyFormat<T> {
  readonly prefix: string;
  /** Recognises a record that the other store wrote. */
  readonly isForeign: (text: string) => boolean;
}

/** Checks the options and fills in what they leave out. */
export function resolveLegacy<T>(legacy: LegacyOptions<T>, ownPrefix: string): Legacy<T> {
  if (typeof legacy !== "object" || legacy === null) {
    throw new InvalidOptionError("legacy", "an object with prefix, format", legacy);
  }
  requireKnownOptions("legacy.", legacy, ["prefix", "format"]);
  const { prefix = ownPrefix, format = DEFAULT_LEGACY_FORMAT } = legacy;
  requireLegacyPrefix(prefix, ownPrefix);
  if (format === "json") return { prefix, isForeign: isPlainJson, decode: JSON.parse };
  if (typeof format !== "object") {
    throw new InvalidOptionError("legacy.format", `"json" or an object with decode()`, format);
  }
  requireMethods("legacy.format", format, ["decode"]);
  const isForeign = (text: string) => text !== "" && kindOfRecord(text) === "other";
  return { prefix, isForeign, decode: (text) => format.decode(text) };
}

function requireLegacyPrefix(prefix: unknown, ownPrefix: string): asserts prefix is string {
  if (typeof prefix !== "string" || !prefix.isWellFormed() || CONTROL_CHARACTER.test(prefix)) {
    throw new InvalidOptionError("legacy.prefix", "a string without control characters", prefix);
  }
  // "sess:old:" beside "sess:": the key of the one's session "1" would be that of the other's "old:1"
  if (prefix !== ownPrefix && prefix.startsWith(ownPrefix)) {
    const rule = `the store's own prefix ${JSON.stringify(ownPrefix)}, or one that does not begin with it`;
    throw new InvalidOptionError("legacy.prefix", rule, prefix);
  }
}
