import { DEFAULT_CHANNEL } from "../../../src/options.js";
import { metaKey } from "../../../src/redis/session-table.js";
import type { Act, Step } from "../../../src/testing/simulation/plan.js";
import type { SeededRandom } from "../../../src/testing/simulation/random.js";

/** The node that does not hear: the others are 1 and 2. */
export const DEAF = 0;
export const act = (atMs: number, node: number, what: Act, id = "s"): Step => ({ atMs, node, what, id });
export const peeks = (fromMs: number, untilMs: number): Step[] =>
  Array.from({ length: 20 }, (_, n) => act(fromMs + ((untilMs - fromMs) * n) / 20, DEAF, "peek"));
/** All connections of the deaf node, or one kind, one way. */
export const stall = (
  atMs: number,
  forMs: number,
  connection?: "commands" | "subscription",
  way?: "toServer" | "toNode",
): Step => ({
  atMs,
  node: DEAF,
  fault: { kind: "stall", forMs, connection, ways: way && [way] },
});

/** The reply to a write is late, and another write was told before it comes. */
export function aWriteThatIsOvertaken(random: SeededRandom): Step[] {
  const atMs = 2_000 + random.between(0, 150);
  return [
    act(10, 2, "write", "other"),
    act(1_000, 1, "update", "other"),
    stall(atMs, 150, "commands", "toNode"),
    act(atMs + 1, DEAF, "write"),
    act(atMs + 8, 1, "update"),
    ...peeks(atMs + 155, atMs + 1_200),
  ];
}

/** The reply to a read is late, and a write was told before it comes. */
export function aReadThatIsOvertaken(random: SeededRandom): Step[] {
  const atMs = 2_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(1_000, 1, "get"), // the server has the script
    stall(atMs, 150, "commands", "toNode"),
    act(atMs + 1, DEAF, "get"),
    act(atMs + 8, 1, "update"),
    ...peeks(atMs + 155, atMs + 1_200),
  ];
}

/** A process is paused while a reply is on its way to it. */
export function aReplyDuringAPause(random: SeededRandom): Step[] {
  const atMs = 2_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(1_000, 1, "update"),
    act(atMs, DEAF, "get"),
    { atMs: atMs + 0.1, node: DEAF, fault: { kind: "pause", forMs: 900 } },
    act(atMs + 20, 1, "update"),
  ];
}

/** A deletion takes a while to arrive; a beat of a node that is cut off right after it arrives before. */
export function aSlowRevocation(random: SeededRandom): Step[] {
  const atMs = 3_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(10, 2, "write", "other"),
    act(1_000, 1, "delete", "other"),
    act(atMs - 20, DEAF, "get"),
    { atMs, node: 1, fault: { kind: "stall", forMs: 250, connection: "commands", ways: ["toServer"] } },
    act(atMs + 1, 1, "revoke"),
    stall(atMs + 240, 2_000),
    ...peeks(atMs + 600, atMs + 900),
  ];
}

/** A beat comes back late, and what was told after it never. */
export function aDelayedBeat(random: SeededRandom): Step[] {
  const atMs = 2_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(atMs - 20, DEAF, "get"),
    stall(atMs, 400, "subscription", "toNode"),
    stall(atMs + 160, 2_000, "commands"),
    { atMs: atMs + 165, node: DEAF, fault: { kind: "lose-messages", count: 100 } },
    act(atMs + 170, 1, "update"),
    ...peeks(atMs + 400, atMs + 1_200),
  ];
}

/** A node that was taken out of the registry reads, and its reply is late. */
export function aLateReaderOutsideTheRegistry(random: SeededRandom): Step[] {
  const atMs = 4_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(10, 2, "write", "other"),
    act(1_000, DEAF, "get", "other"),
    stall(1_500, 5_000, "subscription"),
    act(2_500, 1, "revoke", "other"),
    stall(atMs, 200, "commands", "toNode"),
    act(atMs + 1, DEAF, "get"),
    act(atMs + 8, 1, "revoke"),
  ];
}

/** A node registers, and the replica that takes over has not heard of it; the chain is the same. */
export function aReplicaThatDoesNotKnowANode(random: SeededRandom): Step[] {
  const atMs = 3_500 + random.between(0, 50);
  return [
    act(10, 2, "write"),
    act(10, 2, "write", "other"),
    stall(1_500, atMs - 1_450),
    act(2_000, 1, "revoke", "other"),
    { atMs, fault: { kind: "switch-over", lostMs: 400 } },
    act(atMs + 330, DEAF, "get"),
    stall(atMs + 380, 1_500),
    act(atMs + 405, 1, "revoke"),
    ...peeks(atMs + 410, atMs + 900),
  ];
}

/** The registry is lost, and everybody but one node is in it again. */
export function aRegistryThatWasLost(random: SeededRandom): Step[] {
  const atMs = 2_500 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(atMs - 20, DEAF, "get"),
    stall(atMs, 1_500),
    { atMs: atMs + 5, fault: { kind: "lose-key", key: metaKey(DEFAULT_CHANNEL) } },
    act(atMs + 350, 1, "revoke"),
    ...peeks(atMs + 360, atMs + 700),
  ];
}

/** A node hears no more, right before a revocation that waits for it. */
export function aNodeThatIsOutlasted(random: SeededRandom): Step[] {
  const atMs = 4_000 + random.between(0, 150);
  return [
    act(10, 2, "write"),
    act(atMs - 20, DEAF, "get"),
    stall(atMs, 1_500),
    act(atMs + 1, 1, "revoke"),
    ...peeks(atMs + 600, atMs + 800),
  ];
}
