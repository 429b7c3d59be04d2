import type { Clock } from "../clock.js";
import { RevocationUncertainError, StoreUnavailableError } from "../errors.js";
import { checkRevokeOptions } from "./call-options.js";
import type { Revocation, RevokeOptions } from "./store.js";

/** How often a deletion is repeated that the server loses again and again. */
const MAX_ATTEMPTS = 3;

/** What a revocation consists of. */
export interface RevocationSteps {
  /** Deletes, and waits until no node can answer with what was deleted. */
  attempt(limit: RevocationLimit, deleted: boolean): Promise<Omit<Revocation, "waitedMs">>;
  /** Deletes once more; whether there was something to delete. */
  wasBack(): Promise<boolean>;
  /** Waits until enough replicas have the deletion; `undefined` if they are not waited for. Default: they are not. */
  confirm?(): Promise<unknown> | undefined;
}

/**
 * Revokes. If the wait was not ended by acknowledgements, the server may have been replaced meanwhile by one that lost the deletion: so it
 * is asked once more, and if the session was back, all begins anew.
 */
export async function revoke(
  options: RevokeOptions,
  clock: Clock,
  steps: RevocationSteps,
): Promise<Revocation> {
  const limit = new RevocationLimit(options, clock);
  options.signal?.throwIfAborted(); // before anything is deleted
  const startedAtMs = clock.now();
  for (let n = 0; n < MAX_ATTEMPTS; n++) {
    const outcome = await steps.attempt(limit, n > 0);
    if (outcome.acknowledged || !(await limit.bound(steps.wasBack(), { deleted: true }))) {
      const confirmed = steps.confirm?.();
      if (confirmed)
        await limit.bound(confirmed, { deleted: true, doubt: "replicas did not confirm the deletion" });
      return { ...outcome, waitedMs: clock.now() - startedAtMs };
    }
  }
  throw new RevocationUncertainError("the server lost the deletion again and again", true);
}

/** How long the caller of `revoke()` is willing to wait, and whether they gave up. */
export class RevocationLimit {
  readonly #options: RevokeOptions;
  readonly #clock: Clock;
  readonly #untilMs: number;

  constructor(options: RevokeOptions, clock: Clock) {
    checkRevokeOptions(options);
    this.#options = options;
    this.#clock = clock;
    this.#untilMs = clock.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
  }

  /** One step of a revocation; `deleted`: whether Redis has confirmed the deletion before it. `doubt`: what its failure means. */
  bound<R>(
    step: Promise<R>,
    { deleted, doubt = "Redis did not confirm the deletion" }: { deleted: boolean; doubt?: string },
  ): Promise<R> {
    const { timeoutMs, signal } = this.#options;
    return new Promise<R>((resolve, reject) => {
      const uncertain = (reason: string, cause?: unknown) =>
        settle(() => reject(new RevocationUncertainError(reason, deleted, { cause })));
      const aborted = () => settle(() => reject(signal?.reason));
      const timer =
        timeoutMs === undefined
          ? undefined
          : this.#clock.schedule(() => uncertain(`not within ${timeoutMs} ms`), this.#remainingMs());
      const settle = (outcome: () => void) => {
        timer?.cancel();
        signal?.removeEventListener("abort", aborted);
        outcome();
      };
      if (signal?.aborted) aborted();
      else signal?.addEventListener("abort", aborted, { once: true });
      // also of a step that nobody waits for: it goes on, and a rejection that nobody handles would end the process
      step.then(
        (result) => settle(() => resolve(result)),
        (error) => {
          if (error instanceof StoreUnavailableError) uncertain(doubt, error);
          else settle(() => reject(error));
        },
      );
    });
  }

  #remainingMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.now());
  }
}
