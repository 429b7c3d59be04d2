// The same in CommonJS.
const assert = require("node:assert/strict");
const { createStore, MemoryStore } = require("sessionmesh");

assert(createStore() instanceof MemoryStore);
assert.equal(require("sessionmesh/package.json").name, "sessionmesh");
assert.throws(() => require("sessionmesh/express"), {
  code: "MISSING_PACKAGE",
  message: "The package express-session is not installed. Run: npm install express-session",
});
