import { Acknowledgement } from "../../../src/cluster/acknowledgement.js";
import { outlastingMs } from "../../../src/cluster/lease.js";
import { PartitionCoordinator } from "../../../src/cluster/partition-coordinator.js";
import { RedisCommands } from "../../../src/redis/commands.js";
import { NearCache } from "../../../src/stores/near-cache.js";
import { NodeClock } from "../../../src/testing/simulation/node-clock.js";
import { SIMULATED_BOUND_MS } from "../../../src/testing/simulation.js";
import {
  aNodeThatJoinsAndHearsNoMore,
  aReaderThatIsRegisteredAgain,
  aReaderThatNobodyKnows,
  aReadWhileTheSubscriptionIsReplaced,
  aRegistryThatIsBeingLost,
  aReplyThatBeatsOvertake,
  LONG_BOUND_MS,
  SLOW_COMMAND_MS,
  theLastReadOfALostRegistration,
} from "./registration-plans.js";
import { type Ablation, answers, method, replace, together } from "./tools.js";

/**
 * Of what guards replies and registrations, each alone.
 *
 * In two of the worlds a command may take almost as long as the bound: where it is half of it, as by default, a reply from before a
 * node was taken out of the registry is too late by then anyway, and the mechanism is not missed.
 */
export const REGISTRATION_ABLATIONS: readonly Ablation[] = [
  {
    flag: "time-limit",
    without: "the time limit of a command, alone",
    breaks: ["I2"],
    plan: aReplyThatBeatsOvertake,
    apply() {
      return together(
        replace(RedisCommands, { isTooLate: answers(false) }),
        replace(NodeClock, {
          schedule: method(
            (schedule) =>
              function (callback: () => void, delayMs: number) {
                const isLimit = delayMs === SIMULATED_BOUND_MS / 2;
                return isLimit ? { cancel() {} } : schedule.call(this, callback, delayMs);
              },
          ),
        }),
      );
    },
  },
  {
    flag: "registered-when-serving",
    without: "comparing the registration again when a reply is handed out, alone",
    breaks: ["I1"],
    plan: aReaderThatNobodyKnows,
    options: { commandTimeoutMs: SLOW_COMMAND_MS },
    apply: () => replace(PartitionCoordinator, { isRegistered: answers(true) }),
  },
  {
    flag: "lapse-noticed",
    without: "noticing that the registration lapsed meanwhile",
    breaks: ["I1"],
    plan: aReaderThatIsRegisteredAgain,
    options: { commandTimeoutMs: SLOW_COMMAND_MS },
    apply: () =>
      replace(PartitionCoordinator, {
        isRegistered: method(
          () =>
            function () {
              return this.registration !== undefined;
            },
        ),
      }),
  },
  {
    flag: "flush-on-ready",
    without: "the flush on entering ready, alone",
    breaks: ["I1", "I2", "I3"],
    plan: aReadWhileTheSubscriptionIsReplaced,
    apply: () =>
      replace(NearCache, {
        flush: method(
          (flush) =>
            function (reason: string) {
              if (reason !== "lease-held") flush.call(this, reason);
            },
        ),
      }),
  },
  {
    flag: "own-echo",
    without: "waiting for the own message of a revocation",
    breaks: ["I1"],
    plan: aRegistryThatIsBeingLost,
    apply: () =>
      replace(Acknowledgement, {
        replied: method(
          (replied) =>
            function (registry: unknown, nowMs: number) {
              this.echoed();
              return replied.call(this, registry, nowMs);
            },
        ),
      }),
  },
  {
    flag: "trust-for-both-waits",
    without: "trusting a registry only after twice the bound: after once",
    breaks: ["I1"],
    plan: theLastReadOfALostRegistration,
    options: { invalidation: ["tracking", "broadcast", "broadcast"] },
    apply() {
      const once = method(
        (replaced) =>
          function (nowMs: number, syncedAtMs: number) {
            return replaced.call(this, nowMs, syncedAtMs - outlastingMs(SIMULATED_BOUND_MS));
          },
      );
      return replace(Acknowledgement, { outcome: once, nextCheckMs: once });
    },
  },
  {
    flag: "drift-allowance",
    without: "the allowance for clocks that differ by a thousandth",
    breaks: ["I1"],
    plan: aNodeThatJoinsAndHearsNoMore,
    // the allowance of the default bound is less than what timers may be late by, for which there is a margin
    options: { maxStalenessMs: LONG_BOUND_MS },
    apply() {
      const allowanceMs = outlastingMs(LONG_BOUND_MS) - outlastingMs(0) - LONG_BOUND_MS;
      return replace(Acknowledgement, {
        replied: method(
          (replied) =>
            function (registry: unknown, nowMs: number) {
              return replied.call(this, registry, nowMs - allowanceMs);
            },
        ),
      });
    },
  },
];
