import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { ExpressSessionStore } from "../src/adapters/express.js";
import { StoreUnavailableError } from "../src/index.js";
import { TcpProxy } from "../src/testing/tcp-proxy.js";
import type { ClientKind } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { startApp } from "./support/express-app.js";
import { startExpressNode } from "./support/express-node.js";
import { CURRENT_CLIENT_KINDS } from "./support/node.js";
import { useRedis } from "./support/redis-server.js";

const redis = useRedis();

/** The ways in which Redis can be gone. */
const OUTAGES: readonly [name: string, begin: (proxy: TcpProxy) => void][] = [
  [
    "refuses connections",
    (proxy) => {
      proxy.refuse();
      proxy.cut();
    },
  ],
  ["answers nothing", (proxy) => proxy.stall()],
];

function end(proxy: TcpProxy): void {
  proxy.accept();
  proxy.resume();
}

async function startProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start({ targetPort: redis.port });
  onTestFinished(() => proxy.close());
  return proxy;
}

async function openStore(kind: ClientKind, { port }: TcpProxy, start = true): Promise<ExpressSessionStore> {
  const bounds = { commandTimeoutMs: 500, maxStalenessMs: 2_000 };
  return (await startExpressNode({ kind, port, start, ...bounds })).store;
}

const ID = "an-id";
const SESSION = { cookie: { originalMaxAge: null }, user: "ada" };

type Callback = (error?: unknown) => void;

/** Calls every method, for a session that is not in memory: with what `callback` makes for it, or without. */
function callAll(store: ExpressSessionStore, callback: (method: string) => Callback | undefined) {
  const all = store as unknown as Record<string, (...args: unknown[]) => unknown>;
  const argsOf = { get: [ID], set: [ID, SESSION], touch: [ID, SESSION], destroy: [ID] };
  const calls = { ...argsOf, all: [], length: [], ids: [], clear: [] };
  return Object.entries(calls).map(([method, args]) => all[method]?.(...args, callback(method)));
}

const METHOD_COUNT = 8;

const rejections: unknown[] = [];
const noteRejection = (reason: unknown) => rejections.push(reason);

beforeEach(() => {
  rejections.length = 0;
  process.on("unhandledRejection", noteRejection);
});
afterEach(() => {
  process.off("unhandledRejection", noteRejection);
  expect(rejections).toEqual([]);
});

describe.each(CURRENT_CLIENT_KINDS)("on $name", (kind) => {
  describe.each(OUTAGES)("while Redis %s", (_, begin) => {
    async function storeInOutage(): Promise<ExpressSessionStore> {
      const proxy = await startProxy();
      const store = await openStore(kind, proxy);
      begin(proxy);
      return store;
    }

    test("every method tells its callback, once", async () => {
      const store = await storeInOutage();
      const told: [method: string, error: unknown][] = [];
      callAll(store, (method) => (error) => told.push([method, error]));
      await eventually(() => told.length >= METHOD_COUNT);
      await expect(store.get(ID)).rejects.toThrow(); // by then a second call would have come
      expect(new Set(told.map(([method]) => method)).size).toBe(METHOD_COUNT);
      expect(told).toHaveLength(METHOD_COUNT);
      for (const [, error] of told) expect(error).toBeInstanceOf(StoreUnavailableError);
    });

    test("every method rejects its promise, where there is no callback", async () => {
      const outcomes = await Promise.allSettled(callAll(await storeInOutage(), () => undefined));
      expect(outcomes).toHaveLength(METHOD_COUNT);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
      }
    });

    test("an error that a callback throws is the application's, and calls it no second time", async () => {
      const store = await storeInOutage();
      const told: string[] = [];
      const uncaught: string[] = [];
      process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error.message));
      try {
        callAll(store, (method) => () => {
          told.push(method);
          throw new Error(method);
        });
        await eventually(() => uncaught.length >= METHOD_COUNT);
        await expect(store.get(ID)).rejects.toThrow();
      } finally {
        process.setUncaughtExceptionCaptureCallback(null);
      }
      expect(told).toHaveLength(METHOD_COUNT);
      expect(uncaught).toEqual(told);
    });

    test("an app answers with errors, and goes on with its sessions afterwards", async () => {
      const proxy = await startProxy();
      const store = await openStore(kind, proxy);
      const app = await startApp(store);
      const user = app.visitor();
      await eventually(async () => (await user.visit("/login/ada")).status === 200);
      begin(proxy);
      await eventually(async () => (await user.visit("/me")).status === 500); // until then from memory
      const { status, body } = await user.visit("/me");
      expect([status, body]).toEqual([500, "STORE_UNAVAILABLE"]);
      expect((await app.visitor().visit("/me")).status).toBe(401); // who has no session needs no store
      end(proxy);
      await eventually(async () => (await user.visit("/me")).body === '{"user":"ada"}');
    });
  });

  test("an app may start before its Redis", async () => {
    const proxy = await startProxy();
    proxy.refuse();
    const app = await startApp(await openStore(kind, proxy, false));
    const user = app.visitor();
    expect((await user.visit("/me")).status).toBe(401);
    expect((await user.visit("/login/ada")).status).toBe(500);
    proxy.accept();
    await eventually(async () => (await user.visit("/login/ada")).status === 200);
    await eventually(async () => (await user.visit("/me")).body === '{"user":"ada"}');
  });
});
