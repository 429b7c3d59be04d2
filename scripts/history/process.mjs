/** The node of a history that is a process of its own, so that it can be stopped, and blocked without the others. Told over IPC what is so. */
import { startNode } from "./node.mjs";
import { use } from "./users.mjs";

const options = JSON.parse(process.argv[2] ?? "{}");
const { store, disconnect } = await startNode(options);
/** @type {string[]} */
let ids = [];
/** @type {ReadonlySet<string>} */
let ended = new Set();
let isOver = false;

process.on(
  "message",
  (/** @type {{ ids?: string[], ended?: string[], blockMs?: number, over?: true }} */ told) => {
    ids = told.ids ?? ids;
    if (told.ended !== undefined) ended = new Set(told.ended);
    if (told.blockMs !== undefined)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, told.blockMs);
    if (told.over) isOver = true;
  },
);
process.on("disconnect", () => process.exit());
process.send?.({ kind: "started" });
await use({
  store,
  ids: () => ids,
  hasEnded: (id) => ended.has(id),
  tell: (told) => process.send?.(told),
  random: Math.random,
  boundMs: options.boundMs,
  isOver: () => isOver,
});
await store.close();
disconnect();
process.disconnect();
