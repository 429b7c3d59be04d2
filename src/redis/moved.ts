/** The session that was asked for has another id by now: it was rotated. Nothing was done; the caller may follow. */
export class Moved extends Error {
  /** The SHA-256 of the Redis key, shortened: names the record in errors. */
  readonly keyHash: string;
  /** The id that stands for it. Not enumerable: it is a credential, and no log's business. */
  declare readonly newId: string;

  constructor(keyHash: string, newId: string) {
    super(`Session ${keyHash} was rotated: it has another id now.`);
    this.keyHash = keyHash;
    Object.defineProperty(this, "newId", { value: newId });
  }
}
