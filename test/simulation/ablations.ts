import { Flight, Loads } from "../../src/cache/loads.js";
import { LocalCache } from "../../src/cache/local-cache.js";
import { Acknowledgement } from "../../src/cluster/acknowledgement.js";
import { Acknowledgements } from "../../src/cluster/acknowledgements.js";
import { Chain } from "../../src/cluster/chain.js";
import { Lease } from "../../src/cluster/lease.js";
import { PartitionCoordinator } from "../../src/cluster/partition-coordinator.js";
import { Revocations } from "../../src/cluster/revocations.js";
import { DEFAULT_CHANNEL } from "../../src/options.js";
import { RedisCommands } from "../../src/redis/commands.js";
import type { Command, Reply } from "../../src/redis/port.js";
import { DELETE } from "../../src/redis/scripts/delete.js";
import { PUT } from "../../src/redis/scripts/put.js";
import { metaKey } from "../../src/redis/session-table.js";
import { SimulatedRedis } from "../../src/testing/simulated-redis.js";
import { NodeClock } from "../../src/testing/simulation/node-clock.js";
import type { Act, Step } from "../../src/testing/simulation/plan.js";
import type { SeededRandom } from "../../src/testing/simulation/random.js";

/** One mechanism of the protocol, taken out. */
export interface Ablation {
  /** What is missing; see the table in `docs/internals/protocol.md`. */
  readonly without: string;
  /** Which promises may break then. */
  readonly breaks: readonly string[];
  /** The plan of a seed, where it takes more than chance to bring about what the mechanism is for. Default: that of any seed. */
  readonly plan?: (random: SeededRandom) => Step[];
  /** Takes it out, until the function that it returns is called. */
  apply(): () => void;
}

// biome-ignore lint/suspicious/noExplicitAny: any class will do, and `this` is of that class
type Any = any;
type Class = { readonly prototype: Any };

/** Replaces methods and getters of a class; each is made of the one that it replaces. */
function replace(target: Class, members: Record<string, (replaced: Any) => PropertyDescriptor>): () => void {
  const { prototype } = target;
  const restores = Object.entries(members).map(([name, make]) => {
    const original = Object.getOwnPropertyDescriptor(prototype, name);
    if (original === undefined) throw new Error(`There is no ${name} to take out`);
    Object.defineProperty(prototype, name, { configurable: true, ...make(original.value ?? original.get) });
    return () => Object.defineProperty(prototype, name, original);
  });
  return () => {
    for (const restore of restores) restore();
  };
}

const together =
  (...restores: (() => void)[]) =>
  () => {
    for (const restore of restores) restore();
  };

const method = (make: (replaced: Any) => (this: Any, ...args: Any[]) => unknown) => (replaced: Any) => ({
  value: make(replaced),
  writable: true,
});
const getter = (get: (this: Any) => unknown) => () => ({ get });
const answers = (value: unknown) => method(() => () => value);

/** Lets the server do another thing than it was told. */
function serverDoes(
  change: (server: SimulatedRedis, command: Command, run: (command: Command) => Reply) => Reply,
) {
  return () =>
    replace(SimulatedRedis, {
      execute: method(
        (execute) =>
          function (command: Command) {
            return change(this, command, (changed) => execute.call(this, changed));
          },
      ),
    });
}

const isRun = (script: { sha1: string; lua: string }, [name, what]: Command) =>
  (name === "EVALSHA" && what === script.sha1) || (name === "EVAL" && what === script.lua);
/** Where the arguments of a script begin; they are counted from 1, as in Lua. */
const argument = (command: Command, n: number) => 2 + Number(command[2]) + n;
/** Whether this part of a command that writes sessions says on what condition. */
const isPutCondition = (command: Command, i: number) =>
  (i - argument(command, 6)) % 8 === 0 && i >= argument(command, 6);
const withArgument = (command: Command, n: number, value: string) =>
  command.map((part, i) => (i === argument(command, n) ? value : part)) as unknown as Command;

/** The node that does not hear: the others are 1 and 2. */
const DEAF = 0;
const act = (atMs: number, node: number, what: Act, id = "s"): Step => ({ atMs, node, what, id });
const peeks = (fromMs: number, untilMs: number): Step[] =>
  Array.from({ length: 20 }, (_, n) => act(fromMs + ((untilMs - fromMs) * n) / 20, DEAF, "peek"));
/** All connections of the deaf node, or one kind, one way. */
const stall = (
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
function aWriteThatIsOvertaken(random: SeededRandom): Step[] {
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
function aReadThatIsOvertaken(random: SeededRandom): Step[] {
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
function aReplyDuringAPause(random: SeededRandom): Step[] {
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
function aSlowRevocation(random: SeededRandom): Step[] {
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
function aDelayedBeat(random: SeededRandom): Step[] {
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
function aLateReaderOutsideTheRegistry(random: SeededRandom): Step[] {
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
function aReplicaThatDoesNotKnowANode(random: SeededRandom): Step[] {
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
function aRegistryThatWasLost(random: SeededRandom): Step[] {
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

export const ABLATIONS: readonly Ablation[] = [
  {
    without: "the cache lease",
    breaks: ["I1", "I2", "I3"],
    apply: () =>
      replace(Lease, {
        untilMs: getter(function () {
          return this.status === "ready" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
        }),
      }),
  },
  {
    without: "counting the lease from the sending",
    breaks: ["I1", "I2", "I3"],
    plan: aDelayedBeat,
    apply: () =>
      replace(Lease, {
        beatReturned: method(
          (returned) =>
            function (_sentAtMs: number, nowMs: number) {
              return returned.call(this, nowMs, nowMs);
            },
        ),
      }),
  },
  {
    without: "comparing the clock at every read: a timer ends the lease",
    breaks: ["I1", "I2", "I3"],
    apply() {
      const told = new WeakMap<PartitionCoordinator, { held: boolean }>();
      return replace(PartitionCoordinator, {
        leaseUntilMs: getter(function () {
          let state = told.get(this);
          if (state === undefined) {
            const first = { held: this.lease.held };
            this.on("lease-held", () => Object.assign(first, { held: true }));
            this.on("lease-lost", () => Object.assign(first, { held: false }));
            told.set(this, first);
            state = first;
          }
          return state.held ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
        }),
      });
    },
  },
  {
    without: "the fence on reads",
    breaks: ["I1", "I2", "I3"],
    plan: aReadThatIsOvertaken,
    apply: () =>
      replace(Flight, {
        mayCache: method(
          (mayCache) =>
            function (tag: string) {
              return this.isRead || mayCache.call(this, tag);
            },
        ),
      }),
  },
  {
    without: "the fence on writes",
    breaks: ["I1", "I2", "I3"],
    plan: aWriteThatIsOvertaken,
    apply: () =>
      replace(Flight, {
        mayCache: method(
          (mayCache) =>
            function (tag: string) {
              return !this.isRead || mayCache.call(this, tag);
            },
        ),
      }),
  },
  {
    without: "ending the flights of a session that is over",
    breaks: ["I1"],
    apply() {
      return together(
        replace(Flight, { ended: getter(() => false) }),
        replace(Revocations, { has: answers(false) }),
      );
    },
  },
  {
    without: "the chain",
    breaks: ["I1", "I2", "I3"],
    apply: () =>
      replace(Chain, {
        follow: method(
          (follow) =>
            function (previous: string, tag: string) {
              follow.call(this, previous, tag);
              return true;
            },
        ),
        confirm: answers(true),
      }),
  },
  {
    without: "the flush",
    breaks: ["I1", "I2", "I3"],
    apply() {
      return together(
        replace(LocalCache, { clear: answers(undefined), setAside: answers(undefined) }),
        replace(Loads, { fenceAll: answers(undefined) }),
      );
    },
  },
  {
    without: "the late-reply rule",
    breaks: ["I1", "I2", "I3"],
    plan: aReplyDuringAPause,
    apply() {
      return together(
        replace(RedisCommands, { isTooLate: answers(false) }),
        replace(PartitionCoordinator, { isRegistered: answers(true) }),
      );
    },
  },
  {
    without: "the registration before reading",
    breaks: ["I1"],
    plan: aLateReaderOutsideTheRegistry,
    apply: () =>
      replace(PartitionCoordinator, { registration: getter(() => 1), isRegistered: answers(true) }),
  },
  {
    without: "the epoch",
    breaks: ["I1", "I2", "I3"],
    plan: aReplicaThatDoesNotKnowANode,
    apply: () => {
      const [replid] = ["0".repeat(40)];
      return replace(SimulatedRedis, {
        execute: method(
          (execute) =>
            function (command: Command) {
              this.replid = replid;
              return execute.call(this, command);
            },
        ),
      });
    },
  },
  {
    without: "the registry: nobody is waited for",
    breaks: ["I1"],
    apply: () =>
      replace(Acknowledgement, {
        replied: method(
          (replied) =>
            function (_registry: unknown, nowMs: number) {
              return replied.call(this, new Map(), nowMs);
            },
        ),
      }),
  },
  {
    without: "the trust period",
    breaks: ["I1"],
    plan: aRegistryThatWasLost,
    apply: () =>
      replace(Acknowledgement, {
        outcome: method(
          (outcome) =>
            function (nowMs: number) {
              return outcome.call(this, nowMs, Number.NEGATIVE_INFINITY);
            },
        ),
      }),
  },
  {
    without: "waiting from the reply: from the sending instead",
    breaks: ["I1"],
    plan: aSlowRevocation,
    apply() {
      const sentAtMs = new WeakMap<Acknowledgements, Map<string, number>>();
      let nowMs = () => 0;
      let lateMs = 0;
      return together(
        replace(NodeClock, {
          now: method(
            (now) =>
              function () {
                nowMs = () => now.call(this);
                return now.call(this);
              },
          ),
        }),
        replace(Acknowledgements, {
          open: method(
            (open) =>
              function () {
                const request = open.call(this);
                const times = sentAtMs.get(this) ?? new Map();
                sentAtMs.set(this, times.set(request, nowMs()));
                return request;
              },
          ),
          wait: method(
            (wait) =>
              function (request: string, registry: unknown) {
                const sent = sentAtMs.get(this)?.get(request);
                lateMs = sent === undefined ? 0 : sent;
                return wait.call(this, request, registry);
              },
          ),
        }),
        replace(Acknowledgement, {
          replied: method(
            (replied) =>
              function (registry: unknown, repliedAtMs: number) {
                return replied.call(this, registry, Math.min(repliedAtMs, lateMs));
              },
          ),
        }),
      );
    },
  },
  {
    without: "clocks that agree on how long a moment is",
    breaks: ["I1", "I2", "I3"],
    apply() {
      // one in two runs at three quarters of its speed: the allowance is for a thousandth
      const slow = new WeakMap<NodeClock, boolean>();
      let count = 0;
      return replace(NodeClock, {
        now: method(
          (now) =>
            function () {
              if (!slow.has(this)) slow.set(this, count++ % 2 === 0);
              return now.call(this) * (slow.get(this) ? 0.75 : 1);
            },
        ),
      });
    },
  },
  {
    without: "tombstones",
    breaks: ["I3", "I4"],
    apply: serverDoes((_server, command, run) => {
      const reply = run(command);
      if (isRun(DELETE, command)) run(["DEL", String(command[3])]);
      return reply;
    }),
  },
  {
    without: "compare-and-set",
    breaks: ["I4"],
    apply: serverDoes((_server, command, run) => {
      if (!isRun(PUT, command)) return run(command);
      const unconditional = command.map((part, i) =>
        isPutCondition(command, i) && part[0] === "=" ? "set" : part,
      );
      return run(unconditional as unknown as Command);
    }),
  },
  {
    without: "telling the nodes in the step of the write: the writer dies in between",
    breaks: ["I1", "I2", "I3"],
    apply() {
      let writes = 0;
      return serverDoes((_server, command, run) => {
        const diesNow = isRun(PUT, command) && writes++ % 4 === 0;
        return run(diesNow ? withArgument(command, 1, "") : command);
      })();
    },
  },
  {
    without: "repeating what is remembered",
    breaks: ["I3"],
    apply: () => replace(Revocations, { sessions: answers([]), has: answers(false) }),
  },
];
