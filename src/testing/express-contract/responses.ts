import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { until } from "../until.js";
import { read, record, untilLater } from "./calls.js";
import { leaveAlone } from "./handlers.js";
import type { Cases, Scenario } from "./scenario.js";
import { PING } from "./site.js";
import type { Callback, Handler } from "./types.js";

/** The ways in which a response may end. */
const ENDINGS: Readonly<Record<string, { end(response: ServerResponse): void; body: string }>> = {
  "a plain end": {
    end: (response) => response.end("whole body"),
    body: "whole body",
  },
  "an empty body of a given length": {
    end: (response) => response.setHeader("Content-Length", 0).end(),
    body: "",
  },
  "a write before the end": {
    end(response) {
      response.setHeader("Content-Length", 10);
      response.write("whole ");
      response.end("body");
    },
    body: "whole body",
  },
  "a body of a given length": {
    end: (response) => response.setHeader("Content-Length", 10).end("whole body"),
    body: "whole body",
  },
};

function endsAfterTheSave({ end, body }: (typeof ENDINGS)[string]) {
  return async ({ store, open }: Scenario) => {
    const order: string[] = [];
    let finish: (() => void) | undefined;
    const set = store.set.bind(store);
    store.set = (id, session, callback?: Callback) =>
      set(id, session, (error) => {
        finish = () => {
          order.push("saved");
          callback?.(error);
        };
      });
    const site = await open({}, ({ session }, response) => {
      session.user = "Ada";
      end(response);
    });
    const reply = site.visitor().visit();
    reply.then(() => order.push("answered")).catch(() => {});
    await until(() => finish !== undefined);
    await site.visitor().visit(PING); // meanwhile the response would have come, too
    finish?.();
    assert.equal((await reply).body, body);
    assert.deepEqual(order, ["saved", "answered"]);
  };
}

const endTwice: Handler = ({ session }, response) => {
  session.user = "Ada";
  response.write("whole ");
  response.end("body");
  response.end();
  response.end(null);
};

/** How a save and its response go together. */
export const RESPONSES: Cases = {
  ...Object.fromEntries(
    Object.entries(ENDINGS).map(([name, ending]) => [`${name} waits for the save`, endsAfterTheSave(ending)]),
  ),

  "the stored end is the cookie's, and moves with each request": async ({ store, open }) => {
    const visitor = (await open({}, leaveAlone)).visitor();
    const { setCookie } = await visitor.visit();
    assert.ok(setCookie?.expires);
    const first = new Date((await read(store, setCookie.id)).cookie.expires);
    assert.equal(first.toUTCString(), setCookie.expires.toUTCString());
    await untilLater();
    await visitor.visit();
    assert.equal(visitor.id, setCookie.id);
    const second = new Date((await read(store, setCookie.id)).cookie.expires);
    assert.ok(second > first, `${second.toISOString()} is not after ${first.toISOString()}`);
  },

  "a rolling cookie and the stored end move with each response, also when its head is sent long before":
    async ({ store, open }) => {
      const site = await open({ rolling: true }, async (_request, response) => {
        response.write("head ");
        await untilLater();
        response.end("and body");
      });
      const visitor = site.visitor();
      const ends: Date[] = [];
      for (let n = 0; n < 2; n++) {
        const { body, setCookie } = await visitor.visit();
        assert.equal(body, "head and body");
        const end = new Date((await read(store, visitor.id)).cookie.expires);
        assert.equal(setCookie?.expires?.toUTCString(), end.toUTCString());
        ends.push(end);
      }
      assert.ok(Number(ends[1]) > Number(ends[0]), "the end has not moved");
    },

  "a response that is ended more than once is saved once": async ({ store, open }) => {
    const calls = record(store);
    const { body } = await (await open({}, endTwice)).visitor().visit();
    assert.equal(body, "whole body");
    assert.deepEqual(calls, ["set"]);
  },
};
