import { DEFAULT_CHANNEL } from "../../../src/options.js";
import { metaKey } from "../../../src/redis/session-table.js";
import type { Step } from "../../../src/testing/simulation/plan.js";
import type { SeededRandom } from "../../../src/testing/simulation/random.js";
import { act, DEAF, peeks, stall } from "./plans.js";

/** A bound whose thousandth can be told from what timers are late by. */
export const LONG_BOUND_MS = 60_000;
/** The longest that a command may take, with the bound of 600 ms. */
export const SLOW_COMMAND_MS = 595;

/** A place that is free at first. */
const JOINING = 3;

const loseMeta = (atMs: number): Step => ({
  atMs,
  fault: { kind: "lose-key", key: metaKey(DEFAULT_CHANNEL) },
});
const loseMessage = (atMs: number): Step => ({
  atMs,
  node: DEAF,
  fault: { kind: "lose-messages", count: 1 },
});

/** The reply to a read lies in the network, while beats come back through the subscription. */
export function aReplyThatBeatsOvertake(random: SeededRandom): Step[] {
  const atMs = 2_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(1_000, 1, "update"),
    stall(atMs, 900, "commands", "toNode"),
    act(atMs + 1, DEAF, "get"),
    act(atMs + 8, 1, "update"),
  ];
}

/** A beat whose reply is on its way until so long after a read. */
function aBeatThatIsNotAnswered(random: SeededRandom, untilMs: number) {
  const atMs = 4_000 + random.between(0, 150);
  const readAtMs = atMs + 430;
  const steps = [
    act(10, 2, "write"),
    act(10, 2, "write", "other"),
    act(1_000, 1, "get"),
    stall(atMs, untilMs + 430, "commands", "toNode"),
  ];
  return { atMs, readAtMs, steps };
}

/**
 * A node beats, is not answered, and asks for a session; then nothing of it arrives any more. A first revocation takes it out of the
 * registry, a second one need not wait for it; then the reply comes.
 */
export function aReaderThatNobodyKnows(random: SeededRandom): Step[] {
  const { atMs, readAtMs, steps } = aBeatThatIsNotAnswered(random, 580);
  return [
    ...steps,
    stall(atMs, 2_000, "subscription", "toNode"),
    act(readAtMs - 60, 1, "revoke", "other"),
    act(readAtMs, DEAF, "get"),
    stall(readAtMs + 3, 2_000, "commands", "toServer"),
    act(readAtMs + 569, 1, "revoke"),
  ];
}

/** The same; but before the reply comes, a beat does, so that the node is registered once more. It has not heard of the revocation. */
export function aReaderThatIsRegisteredAgain(random: SeededRandom): Step[] {
  const { atMs, readAtMs, steps } = aBeatThatIsNotAnswered(random, 588);
  return [
    ...steps,
    stall(atMs, 581 + 430, "subscription", "toNode"),
    act(readAtMs - 60, 1, "revoke", "other"),
    act(readAtMs, DEAF, "get"),
    stall(readAtMs + 3, 575, "commands", "toServer"),
    loseMessage(readAtMs + 568),
    act(readAtMs + 569, 1, "revoke"),
  ];
}

/** A read is answered while the node cannot hear of changes; the reply comes when it can again. */
export function aReadWhileTheSubscriptionIsReplaced(random: SeededRandom): Step[] {
  const atMs = 2_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(1_000, 1, "update"),
    { atMs, node: DEAF, fault: { kind: "disconnect", connection: "subscription" } },
    stall(atMs + 0.5, 280, "commands", "toNode"),
    act(atMs + 1, DEAF, "get"),
    act(atMs + 8, 1, "update"),
    ...peeks(atMs + 290, atMs + 1_400),
  ];
}

/** The registry is lost, and the node that revokes does not know it yet. */
export function aRegistryThatIsBeingLost(random: SeededRandom): Step[] {
  const atMs = 4_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(10, 2, "write", "other"),
    act(1_000, 1, "delete", "other"),
    act(atMs - 20, DEAF, "get"),
    stall(atMs, 1_500),
    {
      atMs: atMs + 4,
      node: 1,
      fault: { kind: "stall", forMs: 150, connection: "subscription", ways: ["toNode"] },
    },
    loseMeta(atMs + 5),
    act(atMs + 6, 1, "revoke"),
    ...peeks(atMs + 12, atMs + 400),
  ];
}

/**
 * The registry is lost. A node whose registration of before runs on reads at its end, and registers again, by what it can tell without a gap. The
 * read and the revocation that comes after it, of which this node does not hear, meet when the others have followed the new history for one bound.
 */
export function theLastReadOfALostRegistration(random: SeededRandom): Step[] {
  const atMs = 4_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(10, 2, "write", "other"),
    act(1_000, 1, "get"),
    stall(atMs, 420, "commands", "toServer"),
    stall(atMs + 0.5, 655, "subscription", "toNode"),
    { atMs: atMs + 1, node: DEAF, fault: { kind: "pause", forMs: 390 } },
    loseMeta(atMs + 5),
    { atMs: atMs + 6, node: JOINING, fault: { kind: "join" } }, // its first beat begins the new history, and the next write shows it
    act(atMs + 16, 1, "update", "other"),
    act(atMs + 400, DEAF, "get"),
    act(atMs + 405, 1, "revoke"),
  ];
}

/** A node joins, beats, reads, and hears nothing any more: its lease ends as late as it may. */
export function aNodeThatJoinsAndHearsNoMore(random: SeededRandom): Step[] {
  const atMs = 4_000 + random.between(0, 150);
  const looks = Array.from({ length: 60 }, (_, n) => act(atMs + LONG_BOUND_MS - 60 + 3 * n, JOINING, "peek"));
  return [
    act(10, 2, "write"),
    act(1_000, 1, "get"),
    { atMs, node: JOINING, fault: { kind: "join" } },
    act(atMs + 20, JOINING, "get"),
    { atMs: atMs + 30, node: JOINING, fault: { kind: "stall", forMs: LONG_BOUND_MS + 500 } },
    act(atMs + 31, 1, "revoke"),
    ...looks,
  ];
}
