// An ES module that has installed express-session too.
import assert from "node:assert/strict";
import session from "express-session";
import { MemoryStore } from "sessionmesh";
import { betterAuthStorage } from "sessionmesh/better-auth";
import { ExpressSessionStore } from "sessionmesh/express";
import { ManualClock } from "sessionmesh/testing";
import { unstorageDriver } from "sessionmesh/unstorage";

const clock = new ManualClock();
const store = new ExpressSessionStore({ store: new MemoryStore({ ttlMs: 1_000, clock }) });
assert(store instanceof session.Store);
const data = /** @type {session.SessionData} */ ({ cookie: { originalMaxAge: null } });
await store.set("a", data);
assert.deepEqual(await store.get("a"), data);
clock.advance(1_000);
assert.equal(await store.get("a"), undefined);

const storage = betterAuthStorage({ store: new MemoryStore() });
assert.equal(await storage.increment("a", 1), 1);
const driver = unstorageDriver({ store: new MemoryStore() });
await driver.setItem("a", "b");
assert.equal(await driver.getItem("a"), "b");
