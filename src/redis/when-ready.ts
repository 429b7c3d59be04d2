/** A client that tells when its connection can take commands, and when it never will again. */
export interface Connecting {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** Resolves when a client is ready, or closed: then it says so itself of what it is sent. One pair of listeners, however many wait. */
export class WhenReady {
  readonly #client: Connecting;
  #waiting: Promise<void> | undefined;

  constructor(client: Connecting) {
    this.#client = client;
  }

  wait(): Promise<void> {
    this.#waiting ??= new Promise((resolve) => {
      const settled = () => {
        this.#client.off("ready", settled);
        this.#client.off("end", settled);
        this.#waiting = undefined;
        resolve();
      };
      this.#client.on("ready", settled);
      this.#client.on("end", settled);
    });
    return this.#waiting;
  }
}
