// The same in CommonJS.
const assert = require("node:assert/strict");
const { createStore, MemoryStore } = require("sessionmesh");

assert(createStore() instanceof MemoryStore);
assert.equal(require("sessionmesh/package.json").name, "sessionmesh");
