import { InvalidOptionError } from "../errors.js";
import type { Session } from "../session/session.js";

/** A life in seconds, as key-value storages take it, in milliseconds; rather a fraction too long than too short. */
export function secondsToMs(option: string, seconds: number): number {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) {
    throw new InvalidOptionError(option, "a finite number of seconds", seconds);
  }
  return Math.ceil(seconds * 1_000);
}

/** The text that was stored, if any; of what another storage stored as plain JSON, that. */
export function textOf(found: Session<string> | undefined): string | null {
  const data: unknown = found?.data ?? null;
  return typeof data === "string" || data === null ? data : JSON.stringify(data);
}
