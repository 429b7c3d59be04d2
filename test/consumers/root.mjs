// An ES module that has installed nothing but the package.
import assert from "node:assert/strict";
import { createStore, ERROR_CODES, MemoryStore } from "sessionmesh";

const store = createStore();
assert(store instanceof MemoryStore);
const session = await store.create({ userId: 42 });
assert.deepEqual((await store.get(session.id))?.data, { userId: 42 });
await store.close();
await assert.rejects(store.get(session.id), { name: ERROR_CODES.STORE_CLOSED });

// The adapters need nothing of their frameworks, but for express-session's base class.
for (const name of ["better-auth", "fastify", "hono", "koa", "testing", "unstorage"]) {
  await import(`sessionmesh/${name}`);
}
await assert.rejects(import("sessionmesh/express"), {
  name: ERROR_CODES.MISSING_PACKAGE,
  code: "MISSING_PACKAGE",
  packageName: "express-session",
  message: "The package express-session is not installed. Run: npm install express-session",
});
