import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Events } from "./events.js";

interface TestEvents {
  flush: [what: string, times: number];
}

class Teller extends Events<TestEvents> {
  readonly steps: string[] = [];

  run(): void {
    this.steps.push("begun");
    this.announce("flush", "news", 2);
    this.steps.push("finished");
  }
}

/** Collects what is thrown with nobody to catch it, as the process would report it. */
function uncaught(): unknown[] {
  const errors: unknown[] = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => errors.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  });
  return errors;
}

describe("listeners", () => {
  test("hear an event at once, with what it tells", () => {
    const teller = new Teller();
    const listener = vi.fn();
    teller.on("flush", listener);
    teller.run();
    expect(listener).toHaveBeenCalledExactlyOnceWith("news", 2);
  });

  test("are not needed", () => {
    const teller = new Teller();
    teller.run();
    expect(teller.steps).toEqual(["begun", "finished"]);
  });

  test("that throw do not stop the one who tells, and their error is not lost", async () => {
    const errors = uncaught();
    const teller = new Teller();
    const error = new Error("of the application");
    teller.on("flush", () => {
      throw error;
    });
    teller.run();
    expect(teller.steps).toEqual(["begun", "finished"]);
    await expect.poll(() => errors).toEqual([error]);
  });
});

describe("the diagnostics channel of an event", () => {
  test("gets what the listeners get", () => {
    const published: unknown[] = [];
    const subscriber = (message: unknown, name: string | symbol) => published.push([name, message]);
    subscribe("sessionmesh:flush", subscriber);
    onTestFinished(() => void unsubscribe("sessionmesh:flush", subscriber));
    new Teller().run();
    expect(published).toEqual([["sessionmesh:flush", ["news", 2]]]);
    unsubscribe("sessionmesh:flush", subscriber);
    new Teller().run();
    expect(published).toHaveLength(1);
  });

  test("is the same one after memory was collected", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    new Teller().run();
    await new Promise(setImmediate); // what a task has looked at is held until its end
    collect();
    const subscriber = vi.fn();
    subscribe("sessionmesh:flush", subscriber);
    onTestFinished(() => void unsubscribe("sessionmesh:flush", subscriber));
    await new Promise(setImmediate); // Node forgets the channels that were collected
    new Teller().run();
    expect(subscriber).toHaveBeenCalledOnce();
  });

  test("with a subscriber that throws stops nobody", async () => {
    const errors = uncaught();
    const error = new Error("of the subscriber");
    const subscriber = () => {
      throw error;
    };
    subscribe("sessionmesh:flush", subscriber);
    onTestFinished(() => void unsubscribe("sessionmesh:flush", subscriber));
    const teller = new Teller();
    const listener = vi.fn();
    teller.on("flush", listener);
    teller.run();
    expect(listener).toHaveBeenCalledOnce();
    expect(teller.steps).toEqual(["begun", "finished"]);
    await expect.poll(() => errors).toEqual([error]);
  });
});
