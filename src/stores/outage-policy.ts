import { DEFAULT_OUTAGE_GRACE_MS, requireOneOf, requirePositiveInteger } from "../options.js";

/**
 * What a read does when Redis cannot be asked. `"fail"`: rejects with a `StoreUnavailableError`. `"serve-cached"`: answers with this
 * node's copy, if it has one that is not too old.
 */
export type OnOutage = "fail" | "serve-cached";

/** What reads do in an outage. */
export interface OutageOptions {
  /** What a read does when Redis cannot be asked, unless the call says otherwise. Default `"fail"`. */
  onOutage?: OnOutage;
  /**
   * For how long beyond its time a copy may be served in an outage, in milliseconds: beyond the end of the lease, and of
   * `localCache.ttlMs`. Default 30,000.
   */
  outageGraceMs?: number;
}

/** Resolves and checks them. */
export function resolveOutageOptions({
  onOutage = "fail",
  outageGraceMs = DEFAULT_OUTAGE_GRACE_MS,
}: OutageOptions): Readonly<Required<OutageOptions>> {
  requireOnOutage(onOutage);
  requirePositiveInteger("outageGraceMs", outageGraceMs);
  return { onOutage, outageGraceMs };
}

/** Throws unless `value` says what a read does in an outage. */
export function requireOnOutage(value: unknown): asserts value is OnOutage {
  requireOneOf("onOutage", value, ["fail", "serve-cached"]);
}
