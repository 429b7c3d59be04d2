import { expect, test } from "vitest";
import { type Flight, Loads } from "./loads.js";

/** A load whose reply the test holds. */
function held() {
  const { promise, resolve, reject } = withResolvers<string>();
  let flight: Flight | undefined;
  const run = (given: Flight) => {
    flight = given;
    return promise;
  };
  return { run, resolve, reject, flight: () => flight as Flight };
}

function withResolvers<R>() {
  let resolve: (value: R) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<R>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

test("all who ask while a load is on its way share it, and the next one loads anew", async () => {
  const loads = new Loads<string>();
  const { run, resolve } = held();
  const first = loads.load("x", run);
  expect(loads.load("x", () => Promise.reject(new Error("a second load")))).toBe(first);
  resolve("value");
  expect(await first).toBe("value");
  expect(await loads.load("x", async () => "again")).toBe("again");
});

test("a load that fails fails for all who share it, and for nobody after", async () => {
  const loads = new Loads<string>();
  const { run, reject } = held();
  const both = [loads.load("x", run), loads.load("x", run)];
  reject(new Error("gone"));
  for (const reply of both) await expect(reply).rejects.toThrow("gone");
  expect(await loads.load("x", async () => "value")).toBe("value");
  expect(loads.size).toBe(0);
});

test("a flight that nothing happened to may be cached", () => {
  const loads = new Loads<string>();
  const { run, flight } = held();
  loads.load("x", run);
  loads.fenceChange("another", "t2");
  loads.fenceDelete("another");
  expect(flight().mayCache("t1")).toBe(true);
});

test("after a change, only a reply that brings just that write may be cached", () => {
  const loads = new Loads<string>();
  const { run, flight } = held();
  loads.load("x", run);
  loads.fenceChange("x", "t2");
  expect(flight().mayCache("t1")).toBe(false);
  expect(flight().mayCache("t2")).toBe(true);
  loads.fenceChange("x", "t3");
  expect(flight().mayCache("t2")).toBe(false);
  expect(flight().mayCache("t3")).toBe(true);
});

test("after a deletion or a flush nothing that was on its way may be cached", () => {
  const fences: ((loads: Loads<string>) => void)[] = [
    (loads) => loads.fenceDelete("x"),
    (loads) => loads.fenceAll(),
  ];
  for (const fence of fences) {
    const loads = new Loads<string>();
    const [read, write] = [held(), held()];
    loads.load("x", read.run);
    loads.write("x", write.run);
    fence(loads);
    expect(read.flight().mayCache("t1")).toBe(false);
    expect(write.flight().mayCache("t1")).toBe(false);
  }
});

test("an own write grounds the reads that were under way, and not the writes", () => {
  const loads = new Loads<string>();
  const [read, write] = [held(), held()];
  loads.load("x", read.run);
  loads.write("x", write.run);
  loads.fenceReads("x");
  expect(read.flight().mayCache("t1")).toBe(false);
  expect(write.flight().mayCache("t2")).toBe(true);
});

test("nobody joins a load that something has happened to", () => {
  const fences: ((loads: Loads<string>) => void)[] = [
    (loads) => loads.fenceChange("x", "t2"),
    (loads) => loads.fenceDelete("x"),
    (loads) => loads.fenceReads("x"),
    (loads) => loads.fenceAll(),
  ];
  for (const fence of fences) {
    const loads = new Loads<string>();
    const first = loads.load("x", held().run);
    fence(loads);
    expect(loads.load("x", held().run)).not.toBe(first);
  }
});

test("the echo of an own write that is done fences nothing, once", () => {
  const loads = new Loads<string>();
  const { run, flight } = held();
  loads.write("x", run);
  loads.expectEcho(flight(), "t1");
  expect(loads.fenceChange("x", "t1")).toBe(false);
  expect(loads.fenceChange("x", "t1")).toBe(true);
});

test("an echo that came during the flight is not waited for, nor one that a flush swallowed", () => {
  const loads = new Loads<string>();
  const { run, flight } = held();
  loads.write("x", run);
  loads.fenceChange("x", "t1");
  loads.expectEcho(flight(), "t1");
  expect(loads.fenceChange("x", "t1")).toBe(true);
  loads.expectEcho(flight(), "t2");
  loads.fenceAll();
  expect(loads.fenceChange("x", "t2")).toBe(true);
});

test("a flight leaves nothing behind", async () => {
  const loads = new Loads<string>();
  await Promise.all([
    loads.load("x", async () => "a"),
    loads.read("x", async () => "b"),
    loads.write("y", async () => "c"),
  ]);
  expect(loads.size).toBe(0);
});
