// An ES module that has installed nothing but the package.
import assert from "node:assert/strict";
import { createStore, ERROR_CODES, MemoryStore } from "sessionmesh";

const store = createStore();
assert(store instanceof MemoryStore);
const session = await store.create({ userId: 42 });
assert.deepEqual((await store.get(session.id))?.data, { userId: 42 });
await store.close();
await assert.rejects(store.get(session.id), { name: ERROR_CODES.STORE_CLOSED });

// The adapters need nothing of their frameworks, but for express-session's base class: Node says what to install.
for (const name of ["better-auth", "fastify", "hono", "koa", "testing", "unstorage"]) {
  await import(`sessionmesh/${name}`);
}
await assert.rejects(import("sessionmesh/express"), {
  code: "ERR_MODULE_NOT_FOUND",
  message: /Cannot find package 'express-session' imported from/,
});
