import { beforeEach, describe, expect, test } from "vitest";
import { OwedAcknowledgements } from "./owed.js";

interface Sent {
  readonly message: string;
  readonly settle: (error?: Error) => Promise<void>;
}

let owed: OwedAcknowledgements;
let sent: Sent[];
const messages = () => sent.map(({ message }) => message);

beforeEach(() => {
  sent = [];
  owed = new OwedAcknowledgements(
    (channel, requests) =>
      new Promise<void>((resolve, reject) => {
        const settle = async (error?: Error) => {
          if (error === undefined) resolve();
          else reject(error);
          await new Promise(setImmediate);
        };
        sent.push({ message: `${channel}: ${requests.join(" ")}`, settle });
      }),
  );
});

describe("what a node has to acknowledge", () => {
  test("is sent at once if nothing is on its way to that node", async () => {
    owed.add("a", "1");
    owed.add("b", "2");
    expect(messages()).toEqual(["a: 1", "b: 2"]);
    await sent[0]?.settle();
    owed.add("a", "3");
    expect(messages()).toEqual(["a: 1", "b: 2", "a: 3"]);
  });

  test("goes together as soon as the message before has arrived", async () => {
    for (const request of ["1", "2", "3"]) owed.add("a", request);
    expect(messages()).toEqual(["a: 1"]);
    await sent[0]?.settle();
    owed.add("a", "4");
    expect(messages()).toEqual(["a: 1", "a: 2 3"]);
    await sent[1]?.settle();
    expect(messages().at(-1)).toBe("a: 4");
    await sent[2]?.settle();
    expect(sent).toHaveLength(3);
  });

  test("goes on after a message that failed, which is not sent again", async () => {
    owed.add("a", "1");
    owed.add("a", "2");
    await sent[0]?.settle(new Error("Redis is gone"));
    expect(messages()).toEqual(["a: 1", "a: 2"]);
  });

  test("is bounded: what is too much is left out", async () => {
    for (let n = 0; n <= 10_001; n++) owed.add("a", "r");
    await sent[0]?.settle();
    expect(messages().at(-1)?.split(" ")).toHaveLength(1 + 10_000);
  });
});
