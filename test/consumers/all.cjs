// The same in CommonJS.
const assert = require("node:assert/strict");
const session = require("express-session");
const { ExpressSessionStore } = require("sessionmesh/express");
const { betterAuthStorage } = require("sessionmesh/better-auth");
const { ManualClock } = require("sessionmesh/testing");
const { unstorageDriver } = require("sessionmesh/unstorage");

assert(ExpressSessionStore.prototype instanceof session.Store);
assert.equal(new ManualClock(5).now(), 5);
assert.equal(typeof betterAuthStorage, "function");
assert.equal(typeof unstorageDriver, "function");
