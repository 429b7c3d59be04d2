import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  InvalidOptionError,
  RevocationUncertainError,
  StoreClosedError,
  StoreUnavailableError,
} from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { RevocationLimit, revoke } from "./revoking.js";
import type { RevokeOptions } from "./store.js";

const NOTHING_DELETED = { deleted: false };
const DELETED = { deleted: true };
const never = () => new Promise<never>(() => {});

function limited(options: RevokeOptions = {}) {
  const clock = new ManualClock();
  return { clock, limit: new RevocationLimit(options, clock) };
}

/** How a promise ended, without waiting for one that did not. */
async function endOf(promise: Promise<unknown>): Promise<unknown> {
  let end: unknown = "under way";
  promise.then(
    (value) => {
      end = value;
    },
    (error) => {
      end = error;
    },
  );
  await nextTurn();
  return end;
}

/** Collects rejections that nobody handles, as the process would report them: by its end. */
function unhandled(): unknown[] {
  const errors: unknown[] = [];
  const before = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (error) => errors.push(error));
  onTestFinished(() => {
    process.removeAllListeners("unhandledRejection");
    for (const listener of before) process.on("unhandledRejection", listener);
  });
  return errors;
}

test("a step that ends in time passes on its result", async () => {
  const { limit } = limited({ timeoutMs: 100, signal: new AbortController().signal });
  expect(await limit.bound(Promise.resolve("result"), NOTHING_DELETED)).toBe("result");
});

test("options that are none are refused before anything is done", () => {
  for (const options of [{ timeoutMs: 0 }, { timeoutMs: -1 }, { signal: {} as AbortSignal }, { other: 1 }]) {
    expect(() => limited(options)).toThrow(InvalidOptionError);
  }
});

describe("the time", () => {
  test.each([NOTHING_DELETED, DELETED])("is over when it is over: uncertain, with %j", async ({
    deleted,
  }) => {
    const { limit, clock } = limited({ timeoutMs: 100 });
    const step = limit.bound(never(), { deleted });
    clock.advance(99);
    expect(await endOf(step)).toBe("under way");
    clock.advance(1);
    const error = await endOf(step);
    expect(error).toBeInstanceOf(RevocationUncertainError);
    expect(error).toMatchObject({ deleted, message: expect.stringContaining("not within 100 ms") });
  });

  test("is one for all steps", async () => {
    const { limit, clock } = limited({ timeoutMs: 100 });
    const first = limit.bound(Promise.resolve(), NOTHING_DELETED);
    await first;
    clock.advance(60);
    const second = limit.bound(never(), DELETED);
    clock.advance(39);
    expect(await endOf(second)).toBe("under way");
    clock.advance(1);
    expect(await endOf(second)).toMatchObject({ code: "REVOCATION_UNCERTAIN", deleted: true });
  });

  test("leaves a step that begins after it none", async () => {
    const { limit, clock } = limited({ timeoutMs: 100 });
    clock.jump(1_000);
    const step = limit.bound(never(), DELETED);
    clock.advance(0);
    expect(await endOf(step)).toBeInstanceOf(RevocationUncertainError);
  });

  test("does not run where none is given", async () => {
    const { limit, clock } = limited();
    const step = limit.bound(never(), DELETED);
    clock.advance(1e9);
    expect(await endOf(step)).toBe("under way");
  });

  test("does not change what was decided before", async () => {
    const { limit, clock } = limited({ timeoutMs: 100 });
    const step = limit.bound(Promise.resolve("result"), NOTHING_DELETED);
    await nextTurn();
    clock.advance(200);
    expect(await endOf(step)).toBe("result");
  });
});

describe("the signal", () => {
  const reason = new Error("the request is gone");

  test("stops the waiting, with its reason", async () => {
    const controller = new AbortController();
    const { limit } = limited({ signal: controller.signal });
    const step = limit.bound(never(), DELETED);
    expect(await endOf(step)).toBe("under way");
    controller.abort(reason);
    expect(await endOf(step)).toBe(reason);
  });

  test("stops it also if it came first", async () => {
    const { limit } = limited({ signal: AbortSignal.abort(reason) });
    expect(await endOf(limit.bound(never(), NOTHING_DELETED))).toBe(reason);
  });

  test("that came first leaves no rejection that nobody handles, however the step ends", async () => {
    const errors = unhandled();
    const { limit } = limited({ signal: AbortSignal.abort(reason) });
    const step = limit.bound(Promise.reject(new StoreUnavailableError("no reply")), NOTHING_DELETED);
    expect(await endOf(step)).toBe(reason);
    await nextTurn();
    expect(errors).toEqual([]);
  });

  test("that comes meanwhile leaves none either", async () => {
    const errors = unhandled();
    const controller = new AbortController();
    const { limit } = limited({ signal: controller.signal });
    let fail!: (error: Error) => void;
    const step = limit.bound(
      new Promise((_, reject) => {
        fail = reject;
      }),
      NOTHING_DELETED,
    );
    controller.abort(reason);
    fail(new StoreUnavailableError("no reply"));
    expect(await endOf(step)).toBe(reason);
    await nextTurn();
    expect(errors).toEqual([]);
  });

  test("that comes later changes nothing, and has no listeners left", async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const { limit } = limited({ signal });
    for (let n = 0; n < 20; n++) await limit.bound(Promise.resolve(), DELETED);
    expect(listeners).toBe(0);
    const step = limit.bound(Promise.resolve("result"), DELETED);
    await step;
    controller.abort(reason);
    expect(await endOf(step)).toBe("result");
  });

  test("and the time may be given together: the first decides", async () => {
    const controller = new AbortController();
    const { limit, clock } = limited({ timeoutMs: 100, signal: controller.signal });
    const step = limit.bound(never(), DELETED);
    controller.abort(reason);
    clock.advance(100);
    expect(await endOf(step)).toBe(reason);
  });
});

describe("an error of the step", () => {
  test.each([NOTHING_DELETED, DELETED])("that Redis did not answer makes it uncertain, with %j", async ({
    deleted,
  }) => {
    const cause = new StoreUnavailableError("no reply");
    const error = await endOf(limited().limit.bound(Promise.reject(cause), { deleted }));
    expect(error).toBeInstanceOf(RevocationUncertainError);
    expect(error).toMatchObject({ deleted, cause });
  });

  test.each([
    new StoreClosedError(),
    new Error("of the application"),
  ])("of another kind passes: %s", async (cause) => {
    const { limit, clock } = limited({ timeoutMs: 100 });
    const step = limit.bound(Promise.reject(cause), DELETED);
    expect(await endOf(step)).toBe(cause);
    clock.advance(100);
    expect(await endOf(step)).toBe(cause);
  });
});

describe("revoke()", () => {
  const outcomes = (...acknowledged: boolean[]) => {
    const attempts: boolean[] = [];
    const attempt = async (_: RevocationLimit, deleted: boolean) => {
      attempts.push(deleted);
      return { acknowledged: acknowledged[attempts.length - 1] ?? false, nodes: 1 };
    };
    return { attempts, attempt };
  };

  test("asks nobody once more if all nodes have said so", async () => {
    const { attempt } = outcomes(true);
    const wasBack = () => Promise.reject(new Error("nobody asked"));
    expect(await revoke({}, new ManualClock(), { attempt, wasBack })).toEqual({
      acknowledged: true,
      nodes: 1,
      waitedMs: 0,
    });
  });

  test("asks once more if some did not: the deletion may have been lost while it waited", async () => {
    const { attempt, attempts } = outcomes(false);
    const wasBack = vi.fn(async () => false);
    expect(await revoke({}, new ManualClock(), { attempt, wasBack })).toMatchObject({ acknowledged: false });
    expect(wasBack).toHaveBeenCalledOnce();
    expect(attempts).toEqual([false]);
  });

  test("begins anew if the session was back", async () => {
    const { attempt, attempts } = outcomes(false, true);
    expect(await revoke({}, new ManualClock(), { attempt, wasBack: async () => true })).toMatchObject({
      acknowledged: true,
    });
    expect(attempts).toEqual([false, true]); // the second time it was deleted before
  });

  test("gives up if it is back again and again", async () => {
    const { attempt, attempts } = outcomes();
    await expect(revoke({}, new ManualClock(), { attempt, wasBack: async () => true })).rejects.toThrow(
      RevocationUncertainError,
    );
    expect(attempts).toHaveLength(3);
  });
});
