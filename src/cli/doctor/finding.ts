/** How a check ended. `problem`: sessions do not work, or what this package promises does not hold. */
export type Status = "ok" | "warning" | "problem";

/** What one check has found. */
export interface Finding {
  /** Names the check; the same name may have several findings. */
  readonly check: string;
  readonly status: Status;
  /** What was found, in a sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** What is as it should be. */
export function ok(check: string, message: string): Finding {
  return { check, status: "ok", message };
}

/** What costs something, or could not be looked at. */
export function warning(check: string, message: string, remedy: string): Finding {
  return { check, status: "warning", message, remedy };
}

/** What must be mended. */
export function problem(check: string, message: string, remedy: string): Finding {
  return { check, status: "problem", message, remedy };
}
