/**
 * The deletions that may yet turn out to be half of a rotation. Middlewares that delete the old session of a rotation say so only by what they
 * save next, in the same turn of the event loop: a deletion that nothing follows until its end was a logout.
 */
export class FreshDeletions {
  /** Their names, by the ids that are over; `undefined` where there are several, as of a logout beside a rotation. */
  readonly #names = new Map<string, string | undefined>();

  /** Notes a deletion until the turn ends. */
  add(id: string, name: string): void {
    this.#names.set(id, this.#names.has(id) ? undefined : name);
    setImmediate(() => this.#names.delete(id));
  }

  /** The name of the one deletion under this id, once; `undefined` if there is none, or more than one. */
  take(id: string): string | undefined {
    const name = this.#names.get(id);
    if (name !== undefined) this.#names.delete(id);
    return name;
  }
}
