import { createClient } from "redis";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { InvalidOptionError, UnsupportedClientError } from "../errors.js";
import type { RedisClient } from "../redis/detect.js";
import { ClusteredRedisStore } from "./clustered-redis-store.js";
import { createStore } from "./create-store.js";
import { MemoryStore } from "./memory-store.js";

/** Runs as an environment of this name, and gives the process warnings meanwhile. */
function inEnvironment(name: string | undefined) {
  vi.stubEnv("NODE_ENV", name);
  const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  onTestFinished(() => {
    vi.unstubAllEnvs();
    emitWarning.mockRestore();
  });
  return emitWarning;
}

describe("without a client", () => {
  test.each([undefined, "development", "test"])("with NODE_ENV=%s, sessions are in memory", (environment) => {
    const emitWarning = inEnvironment(environment);
    expect(createStore()).toBeInstanceOf(MemoryStore);
    expect(createStore({ ttlMs: 5_000 }).ttlMs).toBe(5_000);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test("in production too, with a warning", () => {
    const emitWarning = inEnvironment("production");
    expect(createStore()).toBeInstanceOf(MemoryStore);
    expect(emitWarning).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("Redis"), {
      code: "SESSIONMESH_MEMORY_STORE",
    });
  });

  test("options that only Redis has are refused", () => {
    const options = { prefix: "sess:" } as object;
    expect(() => createStore(options)).toThrow(InvalidOptionError);
  });
});

describe("with a client", () => {
  test("sessions are in Redis, in production without a warning", () => {
    const emitWarning = inEnvironment("production");
    const client = createClient() as RedisClient; // not connected: nothing is sent before the store is used
    expect(createStore({ client })).toBeInstanceOf(ClusteredRedisStore);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test("a client that is missing after all is an error, not a store in memory", () => {
    const client = undefined as unknown as RedisClient;
    expect(() => createStore({ client })).toThrow(UnsupportedClientError);
  });
});
