/** How many acknowledgements may wait at a time for one node to be told; of more, the node waits its time. */
const MAX_OWED = 10_000;

/**
 * What this node has to acknowledge to others. To each node one message is on its way at a time; what comes up meanwhile goes with the
 * next one. So a single revocation is acknowledged at once, and of many, each node sends as many messages as Redis takes, not one
 * for each.
 */
export class OwedAcknowledgements {
  readonly #send: (replyChannel: string, requests: readonly string[]) => Promise<unknown>;
  /** By reply channel: what waits for the message that is on its way there. */
  readonly #waiting = new Map<string, string[]>();

  /** `send` tells a node, by its channel, of all these requests at once. */
  constructor(send: (replyChannel: string, requests: readonly string[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** This node has dropped what it was asked to. */
  add(replyChannel: string, request: string): void {
    const waiting = this.#waiting.get(replyChannel);
    if (waiting === undefined) this.#tell(replyChannel, [request]);
    else if (waiting.length < MAX_OWED) waiting.push(request);
  }

  #tell(replyChannel: string, requests: readonly string[]): void {
    this.#waiting.set(replyChannel, []);
    const told = () => {
      const waiting = this.#waiting.get(replyChannel) ?? [];
      if (waiting.length > 0) this.#tell(replyChannel, waiting);
      else this.#waiting.delete(replyChannel);
    };
    this.#send(replyChannel, requests).then(told, told); // if it failed, the other waits its time
  }
}
