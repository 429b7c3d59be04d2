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

describe("all sessions of a user that was revoked", () => {
  beforeEach(() => {
    history.created("b", at(0, 10), { user: "ada" });
    history.created("c", at(0, 10), { user: "grace" });
  });

  test("may not be answered any more; those of others may", () => {
    history.userEnded("ada", at(20, 30));
    history.answered("b", 0, at(31));
    history.answered("c", 0, at(31));
    expect(history.violations.map(({ promise, id }) => [promise, id])).toEqual([["I1", "b"]]);
  });

  test("are those whose creation was acknowledged before it was asked for", () => {
    history.created("d", at(15, 25), { user: "ada" });
    history.userEnded("ada", at(20, 30));
    history.answered("d", 0, at(31));
    expect(broken()).toEqual([]);
  });
});

describe("sessions that were cleared", () => {
  test("may be answered as long as the bound says", () => {
    history.created("b", at(0, 10));
    history.cleared(at(20, 30));
    history.answered("b", 0, at(30 + BOUND_MS));
    expect(broken()).toEqual([]);
    history.answered("b", 0, at(31 + BOUND_MS + TOLERANCE_MS));
    expect(broken()).toEqual(["I2"]);
  });

  test("may come back by a write that was under way", () => {
    history.created("b", at(0, 10));
    history.granting("b", { creates: true });
    history.cleared(at(20, 30));
    history.answered("b", 0, at(31 + BOUND_MS + TOLERANCE_MS));
    expect(broken()).toEqual([]);
  });

  test("are changed by nobody", () => {
    history.created("b", at(0, 10));
    history.cleared(at(20, 30));
    history.changed("b", 1, at(31));
    expect(broken()).toEqual(["I3"]);
  });
});

describe("an id that was rotated", () => {
  beforeEach(() => {
    history.rotating("a", "b");
    history.rotated("a", 100, at(10, 20));
  });

  test("leads on for its grace; who asks strongly notices the end at once", () => {
    history.ledOn("a", at(120), { strong: true });
    expect(broken()).toEqual([]);
    history.ledOn("a", at(121 + TOLERANCE_MS), { strong: true });
    expect(broken()).toEqual(["I3"]);
  });

  test("leads nowhere after it was revoked", () => {
    history.ended("a", at(30, 40), { revoked: true });
    history.ledOn("a", at(41));
    expect(broken()).toEqual(["I1"]);
  });

  test("is over when its grace is", () => {
    expect(history.hasEnded("a", 120)).toBe(false);
    expect(history.hasEnded("a", 121)).toBe(true);
  });
});

describe("the life of a session", () => {
  const never = (id: string, startedAtMs: number) => history.missed(id, at(startedAtMs), { strong: true });

  test("is not shorter than it was told", () => {
    history.created("b", at(0, 10), { ttlMs: 100 });
    never("b", 100 - TOLERANCE_MS);
    expect(broken()).toEqual([]);
    never("b", 99 - TOLERANCE_MS);
    expect(broken()).toEqual(["life"]);
  });

  test("is not longer", () => {
    history.created("b", at(0, 10), { ttlMs: 100 });
    history.answered("b", 0, at(110 + TOLERANCE_MS));
    expect(broken()).toEqual([]);
    history.answered("b", 0, at(111 + TOLERANCE_MS));
    expect(broken()).toEqual(["life"]);
  });

  test("is prolonged by touches, for a tenth more at most", () => {
    history.created("b", at(0, 10), { ttlMs: 100 });
    history.touched("b", at(50, 60));
    history.answered("b", 0, at(170 + TOLERANCE_MS));
    expect(broken()).toEqual([]);
    never("b", 140 - TOLERANCE_MS); // of a write after the touch, the node that is touched next may not have heard
    expect(broken()).toEqual([]);
    never("b", 139 - TOLERANCE_MS);
    history.answered("b", 0, at(171 + TOLERANCE_MS));
    expect(broken()).toEqual(["life", "life"]);
  });

  test("is not prolonged once it was deleted, unless that was lost", () => {
    history.created("b", at(0, 10), { ttlMs: 1_000 });
    history.ended("b", at(20, 30), { revoked: true });
    history.touched("b", at(25, 40));
    expect(broken()).toEqual([]);
    history.touched("b", at(40, 50));
    expect(broken()).toEqual(["I3"]);
    history.lost(15, 60);
    history.touched("b", at(70, 80));
    expect(broken()).toEqual(["I3"]);
  });

  test("ends at its absolute end, whatever touches it", () => {
    history.created("b", at(0, 10), { ttlMs: 100, absoluteTtlMs: 120 });
    history.touched("b", at(50, 60));
    history.answered("b", 0, at(131 + TOLERANCE_MS));
    expect(broken()).toEqual(["life"]);
  });

  test("is unknown while a touch is not answered", () => {
    history.created("b", at(0, 10), { ttlMs: 100 });
    const granted = history.granting("b");
    history.answered("b", 0, at(500));
    expect(broken()).toEqual([]);
    granted();
    history.answered("b", 0, at(500));
    expect(broken()).toEqual(["life"]);
  });

  test.each([
    ["the session", { id: "b" }],
    ["all of its user", { user: "ada" }],
    ["all", "all"],
  ] as const)("may be over as soon as somebody ends %s", (_, what) => {
    history.created("b", at(0, 10), { user: "ada" });
    history.created("c", at(0, 10), { user: "grace" });
    history.ending(what);
    never("b", 20);
    expect(broken()).toEqual([]);
    never("c", 20);
    expect(broken()).toEqual(what === "all" ? [] : ["life"]);
  });

  test("counts anew after an ending of all that was answered", () => {
    history.ending("all")(10);
    history.created("b", at(11, 12));
    never("b", 20);
    expect(broken()).toEqual(["life"]);
  });

  test("may be over by who follows an id that is rotated", () => {
    history.created("b", at(0, 10));
    history.rotating("a", "b");
    history.ending({ id: "a" });
    never("b", 20);
    expect(broken()).toEqual([]);
  });

  test("binds nobody when the server has lost it", () => {
    history.created("b", at(0, 10));
    history.lost(0, 20);
    never("b", 30);
    expect(broken()).toEqual([]);
  });
});

test("a deletion that the server lost is made good, unless the node is gone that may have been the only one to remember", () => {
  history.ended("a", at(10, 20), { revoked: false });
  history.lost(5, 30);
  history.settled("a", true, 40);
  expect(broken()).toEqual(["I3"]);
  history.forgot();
  history.settled("a", true, 50);
  expect(broken()).toEqual(["I3"]);
});
