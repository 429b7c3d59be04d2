import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { Batches } from "./batches.js";

let sent: string[];
let answer: ((outcome?: Error) => void)[];
let refused: Set<string>;
let batches: Batches<string, string>;

beforeEach(() => {
  sent = [];
  answer = [];
  refused = new Set();
  batches = new Batches({
    maxRunning: 2,
    maxSize: 3,
    isAlike: (a, b) => a[0] === b[0],
    refuse: (item) => (refused.has(item) ? new Error(`refused ${item}`) : undefined),
    send(items) {
      sent.push(items.join(" "));
      return new Promise((resolve, reject) => {
        answer.push((error) => (error ? reject(error) : resolve(items.map((item) => item.toUpperCase()))));
      });
    },
  });
});

const add = (...items: string[]) => items.map((item) => batches.add(item));

/** The same, one after the other. */
async function addEach(...items: string[]) {
  const replies: Promise<string>[] = [];
  for (const item of items) {
    replies.push(batches.add(item));
    await nextTurn();
  }
  return { replies };
}

test("items that are added together go together", async () => {
  const replies = add("a1", "a2", "b1");
  await nextTurn();
  expect(sent).toEqual(["a1 a2", "b1"]);
  for (const reply of answer) reply();
  expect(await Promise.all(replies)).toEqual(["A1", "A2", "B1"]);
});

test("items go by themselves while there is room, and those that wait for it go together", async () => {
  const { replies } = await addEach("a1", "a2", "a3", "a4", "a5", "a6");
  expect(sent).toEqual(["a1", "a2"]);
  answer[1]?.();
  expect(await replies[1]).toBe("A2");
  await nextTurn();
  expect(sent).toEqual(["a1", "a2", "a3 a4 a5"]);
  answer[0]?.();
  await nextTurn();
  expect(sent).toEqual(["a1", "a2", "a3 a4 a5", "a6"]);
  for (const reply of answer.slice(2)) reply();
  expect(await Promise.all(replies)).toEqual(["A1", "A2", "A3", "A4", "A5", "A6"]);
  await addEach("a7");
  expect(sent).toHaveLength(5);
});

test("those that are not alike go apart, in their order", async () => {
  await addEach("a1", "a2", "a3", "b1", "b2", "a4");
  for (let n = 0; n < 5; n++) {
    answer[n]?.();
    await nextTurn();
  }
  expect(sent).toEqual(["a1", "a2", "a3", "b1 b2", "a4"]);
});

test("a batch that fails fails for each of it, and makes room", async () => {
  const added = await addEach("a1", "a2", "a3", "a4", "a5");
  const replies = added.replies.map((reply) => reply.catch(({ message }) => message));
  answer[0]?.(new Error("gone"));
  await nextTurn();
  answer[2]?.(new Error("away"));
  answer[1]?.();
  expect(await Promise.all(replies)).toEqual(["gone", "A2", "away", "away", "away"]);
  await nextTurn();
  await addEach("b1", "b2");
  expect(sent.slice(3)).toEqual(["b1", "b2"]);
});

test("what is refused by the time of its turn is not sent; those beside it are", async () => {
  const added = await addEach("a1", "a2", "a3", "a4", "a5", "a6");
  const replies = added.replies.map((reply) => reply.catch(({ message }) => message));
  for (const item of ["a3", "a4", "a5"]) refused.add(item);
  answer[0]?.();
  await nextTurn();
  expect(sent).toEqual(["a1", "a2", "a6"]);
  answer[1]?.();
  answer[2]?.();
  expect(await Promise.all(replies)).toEqual(["A1", "A2", "refused a3", "refused a4", "refused a5", "A6"]);
});
