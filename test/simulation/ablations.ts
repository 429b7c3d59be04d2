import { Flight, Loads } from "../../src/cache/loads.js";
import { LocalCache } from "../../src/cache/local-cache.js";
import { Acknowledgement } from "../../src/cluster/acknowledgement.js";
import { Acknowledgements } from "../../src/cluster/acknowledgements.js";
import { Chain } from "../../src/cluster/chain.js";
import { Lease } from "../../src/cluster/lease.js";
import { PartitionCoordinator } from "../../src/cluster/partition-coordinator.js";
import { Revocations } from "../../src/cluster/revocations.js";
import { RedisCommands } from "../../src/redis/commands.js";
import type { Command } from "../../src/redis/port.js";
import { DELETE } from "../../src/redis/scripts/delete.js";
import { PUT } from "../../src/redis/scripts/put.js";
import { SimulatedRedis } from "../../src/testing/simulated-redis.js";
import { NodeClock } from "../../src/testing/simulation/node-clock.js";
import {
  aDelayedBeat,
  aLateReaderOutsideTheRegistry,
  aNodeThatIsOutlasted,
  aReadThatIsOvertaken,
  aRegistryThatWasLost,
  aReplicaThatDoesNotKnowANode,
  aReplyDuringAPause,
  aSlowRevocation,
  aWriteThatIsOvertaken,
} from "./ablations/plans.js";
import { REGISTRATION_ABLATIONS } from "./ablations/registration.js";
import {
  type Ablation,
  answers,
  getter,
  isPutCondition,
  isRun,
  method,
  replace,
  serverDoes,
  together,
  withArgument,
} from "./ablations/tools.js";
import { USER_ABLATIONS } from "./ablations/users.js";

export const ABLATIONS: readonly Ablation[] = [
  {
    flag: "cache-lease",
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
    flag: "lease-from-sending",
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
    flag: "lease-compared",
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
    flag: "read-fence",
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
    flag: "write-fence",
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
    flag: "ended-flights",
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
    flag: "chain",
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
    flag: "flush",
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
    flag: "late-replies",
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
    flag: "registered-reads",
    without: "the registration before reading",
    breaks: ["I1"],
    plan: aLateReaderOutsideTheRegistry,
    apply: () =>
      replace(PartitionCoordinator, { registration: getter(() => 1), isRegistered: answers(true) }),
  },
  {
    flag: "epoch",
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
    flag: "registry",
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
    flag: "trust",
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
    flag: "wait-from-reply",
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
    flag: "agreeing-clocks",
    without: "clocks that agree on how long a moment is",
    breaks: ["I1", "I2", "I3"],
    plan: aNodeThatIsOutlasted,
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
    flag: "tombstones",
    without: "tombstones",
    breaks: ["I3", "I4"],
    apply: serverDoes((_server, command, run) => {
      const reply = run(command);
      if (isRun(DELETE, command)) run(["DEL", String(command[3])]);
      return reply;
    }),
  },
  {
    flag: "compare-and-set",
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
    flag: "atomic-telling",
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
    flag: "repeating",
    without: "repeating what is remembered",
    breaks: ["I3", "life"],
    apply: () => replace(Revocations, { sessions: answers([]), has: answers(false) }),
  },
  ...REGISTRATION_ABLATIONS,
  ...USER_ABLATIONS,
];
