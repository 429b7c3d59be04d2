/**
 * Notices that a message was missed.
 *
 * Every write names the write before it, so the messages form a chain. A node that sees a link which does not follow the one it
 * saw last has missed something, whatever the cause: a message dropped, a server restarted, a history lost in a failover. Tags
 * are random and never reused, so two histories that parted never join again by accident.
 *
 * A pure state machine, and the whole of gap detection.
 */
export class Chain {
  #last: string | undefined;

  /** A write was told. `true` if it follows the one seen last. */
  follow(previous: string, tag: string): boolean {
    const unbroken = previous === this.#last;
    this.#last = tag;
    return unbroken;
  }

  /** Redis named the head of the chain. `true` if it is the write seen last. */
  confirm(head: string): boolean {
    const unbroken = head === this.#last;
    this.#last = head;
    return unbroken;
  }
}
