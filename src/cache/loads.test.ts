import { describe, expect, test } from "vitest";
import { type Flight, Loads } from "./loads.js";

const ID = "an-id";

/** A flight that lands when the test says so. */
class Controlled {
  flight!: Flight;
  calls = 0;
  land!: (value: string) => void;
  crash!: (error: Error) => void;

  readonly run = (flight: Flight): Promise<string> => {
    this.flight = flight;
    this.calls++;
    return new Promise((resolve, reject) => {
      this.land = resolve;
      this.crash = reject;
    });
  };
}

/** A store's loads with one flight of each kind under way. */
function underWay(kind: "load" | "read" | "write") {
  const loads = new Loads<string>();
  const controlled = new Controlled();
  const outcome = loads[kind](ID, controlled.run);
  return { loads, controlled, flight: controlled.flight, outcome };
}

const KINDS = ["load", "read", "write"] as const;

describe.each(KINDS)("a %s", (kind) => {
  test("passes on its outcome, and is forgotten then", async () => {
    const landed = underWay(kind);
    expect(landed.loads.size).toBe(1);
    landed.controlled.land("value");
    expect(await landed.outcome).toBe("value");
    expect(landed.loads.size).toBe(0);

    const crashed = underWay(kind);
    crashed.controlled.crash(new Error("no reply"));
    await expect(crashed.outcome).rejects.toThrow("no reply");
    expect(crashed.loads.size).toBe(0);
  });

  test("is forgotten even if it cannot be sent", async () => {
    const loads = new Loads<string>();
    const send = () => {
      throw new Error("refused");
    };
    await expect(loads[kind](ID, send)).rejects.toThrow("refused");
    expect(loads.size).toBe(0);
  });

  test("may be cached if nothing is heard meanwhile", () => {
    expect(underWay(kind).flight.mayCache("tag")).toBe(true);
  });

  test("may be cached after a change only if it is just that change", () => {
    const { loads, flight } = underWay(kind);
    loads.fenceChange(ID, "tag");
    expect(flight.mayCache("tag")).toBe(true);
    expect(flight.mayCache("older")).toBe(false);
  });

  test("may be cached after several changes only if it is the last one", () => {
    const { loads, flight } = underWay(kind);
    loads.fenceChange(ID, "first");
    loads.fenceChange(ID, "last");
    expect(flight.mayCache("last")).toBe(true);
    expect(flight.mayCache("first")).toBe(false);
    expect(flight.mayCache("")).toBe(false);
  });

  test.each(["fenceDelete", "fenceAll"] as const)("may not be cached after %s()", (fence) => {
    const { loads, flight } = underWay(kind);
    loads[fence](ID);
    expect(flight.mayCache("tag")).toBe(false);
    loads.fenceChange(ID, "tag"); // nor does a later change make it any better
    expect(flight.mayCache("tag")).toBe(false);
  });

  test("is no matter of what happens to another session", () => {
    const { loads, flight } = underWay(kind);
    loads.fenceChange("other", "tag");
    loads.fenceReads("other");
    loads.fenceDelete("other");
    expect(flight.mayCache("anything")).toBe(true);
  });

  test("is no matter of what happened before it was sent", () => {
    const loads = new Loads<string>();
    loads.fenceChange(ID, "tag");
    loads.fenceReads(ID);
    loads.fenceDelete(ID);
    loads.fenceAll();
    const controlled = new Controlled();
    loads[kind](ID, controlled.run);
    expect(controlled.flight.mayCache("anything")).toBe(true);
  });

  test("is fenced as long as it is under way, whatever else of the session lands before", async () => {
    const { loads, flight } = underWay(kind);
    const early = new Controlled();
    const outcome = loads.read(ID, early.run);
    early.land("early");
    await outcome;
    expect(loads.size).toBe(1);
    loads.fenceDelete(ID);
    expect(flight.mayCache("tag")).toBe(false);
  });
});

describe("an own write that is done", () => {
  test.each(["load", "read"] as const)("keeps a %s that is under way out of the cache", (kind) => {
    const { loads, flight } = underWay(kind);
    loads.fenceReads(ID);
    expect(flight.mayCache("tag")).toBe(false);
  });

  test("leaves other writes alone", () => {
    const { loads, flight } = underWay("write");
    loads.fenceReads(ID);
    expect(flight.mayCache("tag")).toBe(true);
  });
});

describe("the echo of an own write", () => {
  test("that comes when the write is done fences nothing, once", () => {
    const { loads, flight: done } = underWay("write");
    loads.expectEcho(done, "mine");
    const later = new Controlled();
    loads.write(ID, later.run);
    expect(loads.fenceChange(ID, "mine")).toBe(false);
    expect(later.flight.mayCache("newer")).toBe(true);
    expect(loads.fenceChange(ID, "mine")).toBe(true);
    expect(later.flight.mayCache("newer")).toBe(false);
  });

  test("that came before the write was done is not waited for", () => {
    const { loads, flight } = underWay("write");
    expect(loads.fenceChange(ID, "mine")).toBe(true);
    expect(flight.hasSeen("mine")).toBe(true);
    loads.expectEcho(flight, "mine");
    expect(loads.fenceChange(ID, "mine")).toBe(true);
  });

  test("is told from the change of another node", () => {
    const { loads, flight } = underWay("write");
    loads.expectEcho(flight, "mine");
    const later = new Controlled();
    loads.read(ID, later.run);
    expect(loads.fenceChange(ID, "theirs")).toBe(true);
    expect(later.flight.mayCache("mine")).toBe(false);
    expect(loads.fenceChange(ID, "mine")).toBe(false);
  });

  test("is not waited for after a flush: it may have been missed", () => {
    const { loads, flight } = underWay("write");
    loads.expectEcho(flight, "mine");
    loads.fenceAll();
    expect(loads.fenceChange(ID, "mine")).toBe(true);
  });
});

describe("joining a load", () => {
  test("all who wait for a session share one load, and its outcome", async () => {
    const loads = new Loads<string>();
    const controlled = new Controlled();
    const outcomes = [1, 2, 3].map(() => loads.load(ID, controlled.run));
    expect(controlled.calls).toBe(1);
    controlled.land("value");
    expect(await Promise.all(outcomes)).toEqual(["value", "value", "value"]);
  });

  test("who comes after it has landed, or failed, loads again", async () => {
    const loads = new Loads<string>();
    const controlled = new Controlled();
    const first = loads.load(ID, controlled.run);
    controlled.crash(new Error("no reply"));
    await expect(first).rejects.toThrow("no reply");
    const second = loads.load(ID, controlled.run);
    controlled.land("second");
    expect(await second).toBe("second");
    const third = loads.load(ID, controlled.run);
    controlled.land("third");
    expect(await third).toBe("third");
    expect(controlled.calls).toBe(3);
  });

  test("loads of other sessions are not joined", () => {
    const loads = new Loads<string>();
    const controlled = new Controlled();
    loads.load("one", controlled.run);
    loads.load("other", controlled.run);
    expect(controlled.calls).toBe(2);
    expect(loads.size).toBe(2);
  });

  test.each(["read", "write"] as const)("a %s is neither joined nor joins", (kind) => {
    const loads = new Loads<string>();
    const controlled = new Controlled();
    loads[kind](ID, controlled.run);
    loads.load(ID, controlled.run);
    loads[kind](ID, controlled.run);
    expect(controlled.calls).toBe(3);
  });

  test.each([
    ["a change", (loads: Loads<string>) => loads.fenceChange(ID, "tag")],
    ["an own write", (loads: Loads<string>) => loads.fenceReads(ID)],
    ["a deletion", (loads: Loads<string>) => loads.fenceDelete(ID)],
    ["a flush", (loads: Loads<string>) => loads.fenceAll()],
  ])("who comes after %s does not join the load that was sent before", async (_, fence) => {
    const loads = new Loads<string>();
    const before = new Controlled();
    const after = new Controlled();
    const early = loads.load(ID, before.run);
    fence(loads);
    const late = loads.load(ID, after.run);
    expect(after.calls).toBe(1);
    before.land("old");
    after.land("new");
    expect(await Promise.all([early, late])).toEqual(["old", "new"]);
    expect(loads.size).toBe(0);
  });

  test("an old load that lands leaves the new one open to join", async () => {
    const loads = new Loads<string>();
    const before = new Controlled();
    const after = new Controlled();
    const early = loads.load(ID, before.run);
    loads.fenceChange(ID, "tag");
    loads.load(ID, after.run);
    before.land("old");
    await early;
    loads.load(ID, after.run);
    expect(after.calls).toBe(1);
  });
});

describe("a session that ends", () => {
  test.each(KINDS)("is not handed out by a %s that was under way", (kind) => {
    const { loads, flight } = underWay(kind);
    expect(flight.ended).toBe(false);
    loads.fenceDelete(ID);
    expect(flight.ended).toBe(true);
  });

  test.each(KINDS)("ends every flight of it, and none of another: a %s", (kind) => {
    const { loads, flight } = underWay("read");
    const [same, other, later] = [new Controlled(), new Controlled(), new Controlled()];
    loads[kind](ID, same.run);
    loads[kind]("other", other.run);
    loads.fenceDelete(ID);
    loads[kind](ID, later.run);
    expect([flight.ended, same.flight.ended]).toEqual([true, true]);
    expect([other.flight.ended, later.flight.ended]).toEqual([false, false]);
  });

  test.each([
    ["a change", (loads: Loads<string>) => loads.fenceChange(ID, "tag")],
    ["an own write", (loads: Loads<string>) => loads.fenceReads(ID)],
    ["a flush", (loads: Loads<string>) => loads.fenceAll()],
  ])("is not %s: who waits for the reply still gets it", (_, happen) => {
    const { loads, flight } = underWay("read");
    happen(loads);
    expect(flight.ended).toBe(false);
  });

  test("stays over for a flight, whatever happens then", () => {
    const { loads, flight } = underWay("load");
    loads.fenceDelete(ID);
    loads.fenceChange(ID, "tag");
    loads.fenceAll();
    expect(flight.ended).toBe(true);
    expect(flight.mayCache("tag")).toBe(false);
  });
});

describe("a fenced flight", () => {
  test.each([
    ["a change", true, (loads: Loads<string>) => loads.fenceChange(ID, "tag")],
    ["an own write", true, (loads: Loads<string>) => loads.fenceReads(ID)],
    ["a deletion", true, (loads: Loads<string>) => loads.fenceDelete(ID)],
    ["a flush", true, (loads: Loads<string>) => loads.fenceAll()],
    ["a change of another session", false, (loads: Loads<string>) => loads.fenceChange("other", "tag")],
    ["an own write of another", false, (loads: Loads<string>) => loads.fenceReads("other")],
    ["a deletion of another", false, (loads: Loads<string>) => loads.fenceDelete("other")],
    ["nothing", false, () => {}],
  ] as const)("is what a read becomes by %s: %s", (_, isFenced, happen) => {
    const { loads, flight } = underWay("read");
    happen(loads);
    expect(flight.isFenced).toBe(isFenced);
  });

  test("is no write by another own write that is done", () => {
    const { loads, flight } = underWay("write");
    loads.fenceReads(ID);
    expect(flight.isFenced).toBe(false);
  });

  test.each([
    ["load", { fencedReads: 1, fencedWrites: 0 }],
    ["read", { fencedReads: 1, fencedWrites: 0 }],
    ["write", { fencedReads: 0, fencedWrites: 1 }],
  ] as const)("is counted when it has landed, or failed, once: a %s", async (kind, counts) => {
    const landed = underWay(kind);
    landed.loads.fenceDelete(ID);
    landed.loads.fenceAll();
    expect(landed.loads).toMatchObject({ fencedReads: 0, fencedWrites: 0 });
    landed.controlled.land("value");
    await landed.outcome;
    expect(landed.loads).toMatchObject(counts);

    const crashed = underWay(kind);
    crashed.loads.fenceAll();
    crashed.controlled.crash(new Error("no reply"));
    await expect(crashed.outcome).rejects.toThrow("no reply");
    expect(crashed.loads).toMatchObject(counts);
  });

  test.each(KINDS)("is not what a %s is that met nothing", async (kind) => {
    const { loads, controlled, outcome } = underWay(kind);
    controlled.land("value");
    await outcome;
    expect(loads).toMatchObject({ fencedReads: 0, fencedWrites: 0 });
  });

  test("that many wait for is counted once", async () => {
    const loads = new Loads<string>();
    const controlled = new Controlled();
    const outcomes = [1, 2, 3].map(() => loads.load(ID, controlled.run));
    loads.fenceDelete(ID);
    controlled.land("value");
    await Promise.all(outcomes);
    expect(loads.fencedReads).toBe(1);
  });
});
