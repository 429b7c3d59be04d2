import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Acknowledgement } from "./acknowledgement.js";

const WAIT_MS = 2_000;
/** This node has followed the chain for long enough when the reply comes. */
/** How long a node must have followed the chain. */
const TRUST_MS = 2 * WAIT_MS;
const LONG_AGO_MS = -TRUST_MS;
const REPLIED_AT_MS = 100;
const REGISTRY = new Map([
  ["own", "7"],
  ["b", "3"],
  ["c", "12"],
]);

let wait: Acknowledgement;
beforeEach(() => {
  wait = new Acknowledgement("own", WAIT_MS);
});

/** All that an acknowledged end needs, each by its name. */
const CONDITIONS: Record<string, () => void> = {
  "the reply": () => wait.replied(REGISTRY, REPLIED_AT_MS),
  "the own message": () => wait.echoed(),
  "what one node says": () => wait.acknowledged("b"),
  "what the other says": () => wait.acknowledged("c"),
};

function happen(...names: string[]): void {
  for (const name of names) CONDITIONS[name]?.();
}

const outcomeNow = () => wait.outcome(REPLIED_AT_MS, LONG_AGO_MS);

describe("a revocation is acknowledged", () => {
  test("when all came: the reply, this node's own message, and what every other node says", () => {
    happen(...Object.keys(CONDITIONS));
    expect(outcomeNow()).toBe("acknowledged");
  });

  test.each(Object.keys(CONDITIONS))("not without %s", (missing) => {
    happen(...Object.keys(CONDITIONS).filter((name) => name !== missing));
    expect(outcomeNow()).toBeUndefined();
  });

  test("also by nodes that say so before the reply", () => {
    happen("what one node says", "what the other says", "the own message", "the reply");
    expect(outcomeNow()).toBe("acknowledged");
  });

  test("not by a node that says so twice for another", () => {
    happen("the reply", "the own message", "what one node says", "what one node says");
    expect(outcomeNow()).toBeUndefined();
  });

  test("whatever nodes say that are not registered", () => {
    happen("the reply", "the own message");
    wait.acknowledged("stranger");
    expect(outcomeNow()).toBeUndefined();
    happen("what one node says", "what the other says");
    expect(outcomeNow()).toBe("acknowledged");
  });

  test("at once where nobody else is registered, and this node neither", () => {
    wait.replied(new Map(), REPLIED_AT_MS);
    wait.echoed();
    expect(outcomeNow()).toBe("acknowledged");
  });

  test("only when this node has followed the chain for twice as long as a lease lasts: the registry may lack some", () => {
    const syncedAtMs = REPLIED_AT_MS + 500 - TRUST_MS;
    happen(...Object.keys(CONDITIONS));
    expect(wait.outcome(REPLIED_AT_MS + 499, syncedAtMs)).toBeUndefined();
    expect(wait.outcome(REPLIED_AT_MS + 500, syncedAtMs)).toBe("acknowledged");
  });

  test("not while this node does not follow the chain", () => {
    happen(...Object.keys(CONDITIONS));
    expect(wait.outcome(REPLIED_AT_MS, Number.POSITIVE_INFINITY)).toBeUndefined();
  });

  test("not before the moment of the reply, by whatever clock", () => {
    happen(...Object.keys(CONDITIONS));
    expect(wait.outcome(REPLIED_AT_MS - 1, LONG_AGO_MS)).toBeUndefined();
  });

  test("not any more when the chain broke, whatever comes then", () => {
    wait.broke();
    happen(...Object.keys(CONDITIONS));
    expect(outcomeNow()).toBeUndefined();
    expect(wait.outcome(REPLIED_AT_MS + WAIT_MS, LONG_AGO_MS)).toBe("outlasted");
  });
});

describe("a revocation is outlasted", () => {
  test("when no lease that ran at the reply can still run, counted from the reply", () => {
    wait.replied(REGISTRY, REPLIED_AT_MS);
    expect(wait.outcome(REPLIED_AT_MS + WAIT_MS - 1, LONG_AGO_MS)).toBeUndefined();
    expect(wait.outcome(REPLIED_AT_MS + WAIT_MS, LONG_AGO_MS)).toBe("outlasted");
  });

  test("never before there was a reply", () => {
    happen("the own message", "what one node says", "what the other says");
    expect(wait.outcome(1_000_000, LONG_AGO_MS)).toBeUndefined();
  });

  test("however little this node knows", () => {
    wait.broke();
    wait.replied(REGISTRY, REPLIED_AT_MS);
    expect(wait.outcome(REPLIED_AT_MS + WAIT_MS, Number.POSITIVE_INFINITY)).toBe("outlasted");
  });
});

describe("the nodes", () => {
  test("are all that were registered but this one", () => {
    expect(wait.nodes).toBe(0);
    wait.replied(REGISTRY, REPLIED_AT_MS);
    expect(wait.nodes).toBe(2);
  });

  test("are counted right where this one is not registered", () => {
    wait.replied(new Map([["b", "3"]]), REPLIED_AT_MS);
    expect(wait.nodes).toBe(1);
  });

  test("that have not said so are named, with the beats that they were registered with", () => {
    wait.replied(REGISTRY, REPLIED_AT_MS);
    expect(wait.silent).toEqual([
      ["b", "3"],
      ["c", "12"],
    ]);
    wait.acknowledged("b");
    expect(wait.silent).toEqual([["c", "12"]]);
    wait.acknowledged("c");
    expect(wait.silent).toEqual([]);
  });
});

describe("the next check", () => {
  beforeEach(() => wait.replied(REGISTRY, REPLIED_AT_MS));

  test("is when the registry can be trusted, if that is still to come", () => {
    const syncedAtMs = REPLIED_AT_MS + 500 - TRUST_MS;
    expect(wait.nextCheckMs(REPLIED_AT_MS, syncedAtMs)).toBe(REPLIED_AT_MS + 500);
  });

  test("is the end otherwise", () => {
    expect(wait.nextCheckMs(REPLIED_AT_MS, LONG_AGO_MS)).toBe(REPLIED_AT_MS + WAIT_MS);
    expect(wait.nextCheckMs(REPLIED_AT_MS, REPLIED_AT_MS - TRUST_MS)).toBe(REPLIED_AT_MS + WAIT_MS);
  });

  test("is the end also if the registry can be trusted only after it, or never", () => {
    expect(wait.nextCheckMs(500, 400)).toBe(REPLIED_AT_MS + WAIT_MS);
    expect(wait.nextCheckMs(500, Number.POSITIVE_INFINITY)).toBe(REPLIED_AT_MS + WAIT_MS);
  });
});

/** What happened to one wait, written down plainly. */
class History {
  nowMs = 0;
  syncedAtMs = LONG_AGO_MS;
  repliedAtMs: number | undefined;
  registered: readonly string[] = [];
  readonly said = new Set<string>();
  echoed = false;
  broken = false;

  get outcome() {
    if (this.repliedAtMs === undefined) return undefined;
    const everybody = this.registered.every((node) => node === "own" || this.said.has(node));
    const trusted = this.nowMs - this.syncedAtMs >= TRUST_MS;
    if (everybody && this.echoed && !this.broken && trusted) return "acknowledged";
    return this.nowMs - this.repliedAtMs >= WAIT_MS ? "outlasted" : undefined;
  }
}

type Step = (wait: Acknowledgement, history: History) => void;
const node = fc.constantFrom("own", "b", "c");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.uniqueArray(node).map((registered) => (wait: Acknowledgement, history: History) => {
      if (history.repliedAtMs !== undefined) return;
      wait.replied(new Map(registered.map((node) => [node, "1"])), history.nowMs);
      history.repliedAtMs = history.nowMs;
      history.registered = registered;
    }),
  },
  {
    weight: 6,
    arbitrary: node.map((node) => (wait: Acknowledgement, history: History) => {
      wait.acknowledged(node);
      history.said.add(node);
    }),
  },
  {
    weight: 3,
    arbitrary: fc.constant((wait: Acknowledgement, history: History) => {
      wait.echoed();
      history.echoed = true;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant((wait: Acknowledgement, history: History) => {
      wait.broke();
      history.broken = true;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(true, true, false).map((follows) => (_: Acknowledgement, history: History) => {
      history.syncedAtMs = follows ? history.nowMs : Number.POSITIVE_INFINITY;
    }),
  },
  {
    weight: 4,
    arbitrary: fc.nat(WAIT_MS / 4).map((ms) => (_: Acknowledgement, history: History) => {
      history.nowMs += ms;
    }),
  },
);

test("in whatever order things happen, it ends when all conditions hold, and never before", () => {
  const ends = { acknowledged: 0, outlasted: 0 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
      const wait = new Acknowledgement("own", WAIT_MS);
      const history = new History();
      for (const step of steps) {
        step(wait, history);
        const outcome = wait.outcome(history.nowMs, history.syncedAtMs);
        expect(outcome).toBe(history.outcome);
        if (outcome !== undefined) ends[outcome]++;
      }
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(ends.acknowledged, ends.outlasted)).toBeGreaterThan(0); // both were reached
});

test("whoever looks again at the next check, and when something happens, misses no end", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: "max" }), fc.nat(1_000), (steps, thousandths) => {
      const wait = new Acknowledgement("own", WAIT_MS);
      const history = new History();
      for (const step of steps) step(wait, history);
      const { nowMs, syncedAtMs } = history;
      if (wait.outcome(nowMs, syncedAtMs) !== undefined) return;
      const nextMs = wait.nextCheckMs(nowMs, syncedAtMs);
      expect(nextMs).toBeGreaterThan(nowMs);
      if (nextMs === Number.POSITIVE_INFINITY) return;
      const betweenMs = nowMs + ((nextMs - nowMs - 1) * thousandths) / 1_000;
      expect(wait.outcome(betweenMs, syncedAtMs)).toBeUndefined();
    }),
    { numRuns: 1_000 },
  );
});
