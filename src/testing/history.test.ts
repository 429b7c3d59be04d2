import { beforeEach, describe, expect, test } from "vitest";
import { History } from "./history.js";

const BOUND_MS = 1_000;
const TOLERANCE_MS = 10;

let history: History;
beforeEach(() => {
  history = new History({ maxStalenessMs: BOUND_MS, toleranceMs: TOLERANCE_MS });
  history.changed("a", 0, at(0));
});

/** At once, or from one moment to another. */
const at = (startedAtMs: number, endedAtMs = startedAtMs) => ({ startedAtMs, endedAtMs });
const broken = () => history.violations.map(({ promise }) => promise);

test("answers with the latest change break nothing, however old it is", () => {
  history.changed("a", 1, at(10, 20));
  history.answered("a", 1, at(100_000));
  expect(broken()).toEqual([]);
  expect([history.reads, history.worstStalenessMs]).toEqual([1, 0]);
});

describe("I2: an answer that was replaced", () => {
  beforeEach(() => history.changed("a", 1, at(10, 20)));

  test("may be given for as long as the bound says, from the acknowledgement of the change on", () => {
    history.answered("a", 0, at(20 + BOUND_MS));
    expect(broken()).toEqual([]);
    expect(history.worstStalenessMs).toBe(BOUND_MS);
  });

  test("may not be given later", () => {
    history.answered("a", 0, at(21 + BOUND_MS + TOLERANCE_MS));
    expect(broken()).toEqual(["I2"]);
  });

  test("counts from the first change that replaced it", () => {
    history.changed("a", 2, at(900));
    history.answered("a", 0, at(21 + BOUND_MS + TOLERANCE_MS));
    history.answered("a", 1, at(21 + BOUND_MS + TOLERANCE_MS));
    expect(broken()).toEqual(["I2"]);
  });
});

describe("I1: a session that was revoked", () => {
  beforeEach(() => history.ended("a", at(10, 20), { revoked: true }));

  test("may have been answered before", () => {
    history.answered("a", 0, at(5, 20));
    expect(broken()).toEqual([]);
  });

  test("may not be answered any more", () => {
    history.answered("a", 0, at(21));
    expect(broken()).toEqual(["I1"]);
  });

  test("may not be answered to whom asked before, either", () => {
    history.answered("a", 0, at(5, 21 + TOLERANCE_MS));
    expect(broken()).toEqual(["I1"]);
  });
});

describe("I3: a session that was deleted", () => {
  beforeEach(() => history.ended("a", at(10, 20), { revoked: false }));

  test("may be answered for as long as the bound says", () => {
    history.answered("a", 0, at(20 + BOUND_MS));
    expect(broken()).toEqual([]);
    expect(history.worstStalenessMs).toBe(BOUND_MS);
  });

  test("may not be answered later", () => {
    history.answered("a", 0, at(21 + BOUND_MS + TOLERANCE_MS));
    expect(broken()).toContain("I3");
  });

  test("is not there for whoever asks Redis after it", () => {
    history.answered("a", 0, at(15, 30), { strong: true });
    expect(broken()).toEqual([]);
    history.answered("a", 0, at(21, 30), { strong: true });
    expect(broken()).toEqual(["I3"]);
  });

  test("may not be changed", () => {
    history.changed("a", 1, at(15, 30)); // sent before the deletion was acknowledged
    expect(broken()).toEqual([]);
    history.changed("a", 2, at(31, 40));
    expect(broken()).toEqual(["I3"]);
  });
});

describe("I4: a change that was acknowledged", () => {
  test("is not made twice", () => {
    history.changed("a", 1, at(10, 20));
    history.changed("a", 1, at(15, 30));
    expect(broken()).toEqual(["I4"]);
  });

  test("is there for whoever asks Redis after it", () => {
    history.changed("a", 1, at(10, 20));
    history.answered("a", 0, at(15, 30), { strong: true });
    expect(broken()).toEqual([]);
    history.answered("a", 0, at(21, 30), { strong: true });
    expect(broken()).toEqual(["I4"]);
  });
});

test("what a server has lost binds nobody, except that what was deleted stays so", () => {
  history.changed("a", 1, at(10));
  history.changed("b", 0, at(10));
  history.ended("b", at(20), { revoked: true });
  history.lost(30, 50);
  history.answered("a", 0, at(100_000), { strong: true });
  history.changed("a", 1, at(100_001));
  expect(broken()).toEqual([]);
  history.answered("b", 0, at(100_000));
  expect(broken()).toContain("I1");
});

test("what was deleted after that may be back for a while, but not in the end", () => {
  history.ended("a", at(20), { revoked: true });
  history.lost(10, 50);
  history.answered("a", 0, at(100_000));
  history.settled("a", false, 200_000);
  history.settled("never deleted", true, 200_000);
  expect(broken()).toEqual([]);
  history.settled("a", true, 200_000);
  expect(broken()).toEqual(["I3"]);
});
