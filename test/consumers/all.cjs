// The same in CommonJS.
const assert = require("node:assert/strict");
const session = require("express-session");
const { ExpressSessionStore } = require("sessionmesh/express");
const { ManualClock } = require("sessionmesh/testing");

assert(ExpressSessionStore.prototype instanceof session.Store);
assert.equal(new ManualClock(5).now(), 5);
