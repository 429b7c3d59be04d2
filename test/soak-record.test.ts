import { beforeEach, expect, test } from "vitest";
import { SoakRecord } from "../scripts/soak/record.mjs";
import type { SoakEvent } from "../scripts/soak/settings.mjs";

const SETTLED_MS = 100_000;

let record: SoakRecord;
beforeEach(() => {
  record = new SoakRecord();
  record.lost(0, { sinceMs: 100, untilMs: 200 });
  tell("changed", 0, 10);
});

function tell(kind: SoakEvent["kind"], n: number, atMs: number, event: Partial<SoakEvent> = {}): void {
  const told = { kind, n, partition: 0, id: "a", startedAtMs: atMs, endedAtMs: atMs, ...event };
  record.told("node", [told]);
}

const broken = (survivors: readonly string[] = []) =>
  record.judge({ survivors, settledAtMs: SETTLED_MS }).history.violations.map(({ promise }) => promise);

test("a change that may be lost may be made again, or not be there", () => {
  tell("changed", 1, 150);
  tell("answered strongly", 0, 300);
  tell("changed", 1, 400);
  expect(broken()).toEqual([]);
  expect(record.judge({ survivors: [], settledAtMs: SETTLED_MS })).toMatchObject({ writes: 3, unbound: 1 });
});

test.each([
  ["before", 50],
  ["after", 250],
])("a change that was made %s that time binds", (_, atMs) => {
  tell("changed", 1, atMs);
  tell("answered", 0, 5_000);
  tell("answered strongly", 0, 5_000);
  expect(broken()).toEqual(["I2", "I4", "I2"]);
});

test("what one shard loses excuses nothing at another one", () => {
  tell("changed", 1, 150, { partition: 1 });
  tell("answered strongly", 0, 300, { partition: 1 });
  expect(broken()).toEqual(["I4"]);
});

test("a deletion that may be lost binds in the end, if the process that made it lives", () => {
  tell("deleted", 0, 150);
  tell("answered", 0, 5_000);
  tell("answered strongly", 0, SETTLED_MS + 1);
  expect(broken()).toEqual([]);
  expect(broken(["node"])).toEqual(["I3"]);
});

test("a deletion that was not lost binds for good", () => {
  tell("revoked", 0, 50);
  tell("answered", 0, 300);
  expect(broken()).toEqual(["I1"]);
});

test("an answer that was on its way while its node stood still may have been given before", () => {
  tell("changed", 1, 1_000);
  tell("answered", 0, 900, { endedAtMs: 9_000 });
  expect(broken()).toEqual(["I2"]);
  record.suspended("node", { sinceMs: 1_100, untilMs: 8_900 });
  expect(broken()).toEqual([]);
});
