/** The touches that are on their way to Redis: one per session, which those that ask for no more than it grants join. */
export class Touches {
  readonly #pending = new Map<string, { ttlMs: number | undefined; outcome: Promise<boolean> }>();

  /** Joins the touch on its way, or sends one. `ttlMs` is what is asked for, `undefined` the session's own TTL. */
  join(id: string, ttlMs: number | undefined, send: () => Promise<boolean>): Promise<boolean> {
    const pending = this.#pending.get(id);
    if (pending !== undefined && grantsEnough(pending.ttlMs, ttlMs)) return pending.outcome;
    const outcome = send().finally(() => {
      if (this.#pending.get(id)?.outcome === outcome) this.#pending.delete(id);
    });
    this.#pending.set(id, { ttlMs, outcome });
    return outcome;
  }
}

function grantsEnough(granted: number | undefined, asked: number | undefined): boolean {
  return granted === asked || (granted !== undefined && asked !== undefined && granted > asked);
}
