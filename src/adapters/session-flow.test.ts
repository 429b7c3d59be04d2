import { beforeEach, describe, expect, test, vi } from "vitest";
import { InvalidOptionError, StoreUnavailableError } from "../errors.js";
import type { Session } from "../session/session.js";
import { MemoryStore } from "../stores/memory-store.js";
import { COOKIE_FORMAT, type CookieSession } from "./cookie-session.js";
import { flowOf, SessionBase, type SessionFlow } from "./session-flow.js";

const ID = "an-id";
const HOUR_MS = 3_600_000;
const cookie = (maxAgeMs = HOUR_MS) => ({
  originalMaxAge: maxAgeMs,
  expires: new Date(Date.now() + maxAgeMs),
  httpOnly: true,
  path: "/",
});

let store: MemoryStore<CookieSession>;
let flow: SessionFlow<CookieSession>;
beforeEach(() => {
  store = new MemoryStore<CookieSession>();
  flow = flowOf({ store }, COOKIE_FORMAT);
});

/** What a request finds under the id. */
async function load(): Promise<SessionBase<CookieSession>> {
  const session = await store.get(ID);
  if (session === undefined) throw new Error("there is no such session");
  return new SessionBase(ID, session);
}

async function stored(): Promise<Record<string, unknown>> {
  const { cookie: _, ...data } = (await store.get(ID))?.data ?? {};
  return data;
}

describe("two requests of one session", () => {
  beforeEach(() => store.set(ID, { cookie: cookie(), a: 1, b: 1 } as CookieSession));

  test("keep what each has changed, added and deleted", async () => {
    const [one, other] = [await load(), await load()];
    await flow.save(ID, { cookie: cookie(), a: 2, b: 1, one: true }, one);
    await flow.save(ID, { cookie: cookie(), a: 1, other: true }, other);
    expect(await stored()).toEqual({ a: 2, one: true, other: true });
  });

  test("have no conflict in when they end", async () => {
    const onConflict = vi.fn();
    const asking = flowOf<CookieSession>({ store, onConflict }, COOKIE_FORMAT);
    const [one, other] = [await load(), await load()];
    const later = (ms: number) => ({ ...cookie(HOUR_MS - 5), expires: new Date(Date.now() + ms) });
    await asking.save(ID, { cookie: later(2 * HOUR_MS), a: 2, b: 1 }, one);
    await asking.save(ID, { cookie: later(3 * HOUR_MS), a: 1, b: 2 }, other);
    expect(onConflict).not.toHaveBeenCalled();
    expect(await stored()).toEqual({ a: 2, b: 2 });
    expect((await store.get(ID))?.expiresAtMs).toBeGreaterThan(Date.now() + 2 * HOUR_MS);
  });

  const lives = async () => {
    const found = await store.get(ID);
    const { originalMaxAge, expires } = found?.data.cookie ?? {};
    const hours = (endMs: number) => Math.round(((endMs - Date.now()) / HOUR_MS) * 100) / 100;
    return [
      Number(originalMaxAge) / HOUR_MS,
      hours(Date.parse(String(expires))),
      hours(found?.expiresAtMs ?? 0),
    ];
  };

  test.each([
    ["longer", 720],
    ["shorter", 0.5],
  ])("one lets the session live %s: it does, whatever else the later one writes", async (_, lifeHours) => {
    const [login, other, third] = [await load(), await load(), await load()];
    await flow.save(ID, { cookie: cookie(lifeHours * HOUR_MS), a: 2, b: 1 }, login);
    await flow.save(ID, { cookie: cookie(HOUR_MS - 3), a: 1, b: 2 }, other);
    expect(await lives()).toEqual([lifeHours, lifeHours, lifeHours]);
    await flow.save(ID, { cookie: cookie(), a: 1, b: 1 }, third); // a touch
    expect((await lives())[0]).toBe(lifeHours);
  });

  test("decide both how long the session lives: the later one wins, or whoever is asked decides", async () => {
    const [one, other, third] = [await load(), await load(), await load()];
    await flow.save(ID, { cookie: cookie(2 * HOUR_MS), a: 1, b: 1 }, one);
    await flow.save(ID, { cookie: cookie(3 * HOUR_MS), a: 1, b: 1 }, other);
    expect(await lives()).toEqual([3, 3, 3]);
    const onConflict = vi.fn(({ mine, theirs }) => Math.max(mine, theirs));
    const asking = flowOf<CookieSession>({ store, onConflict }, COOKIE_FORMAT);
    await asking.save(ID, { cookie: cookie(2 * HOUR_MS), a: 1, b: 1 }, third);
    expect(onConflict.mock.calls.map(([{ path }]) => path)).toEqual([["cookie", "originalMaxAge"]]);
    expect(await lives()).toEqual([3, 3, 3]);
  });

  test("that change the same: the later one wins, or whoever is asked decides", async () => {
    const [one, other, third] = [await load(), await load(), await load()];
    await flow.save(ID, { cookie: cookie(), a: 2, b: 1 }, one);
    await flow.save(ID, { cookie: cookie(), a: 3, b: 1 }, other);
    expect(await stored()).toEqual({ a: 3, b: 1 });
    const onConflict = vi.fn(() => 42);
    const asking = flowOf<CookieSession>({ store, onConflict }, COOKIE_FORMAT);
    await asking.save(ID, { cookie: cookie(), a: 4, b: 1 }, third);
    expect(onConflict).toHaveBeenCalledExactlyOnceWith({ path: ["a"], base: 1, mine: 4, theirs: 3 });
    expect(await stored()).toEqual({ a: 42, b: 1 });
  });

  test.each<[string, () => unknown]>([
    ["that resolves", async () => 42],
    ["that rejects", () => Promise.reject(new Error("no"))],
    // biome-ignore lint/suspicious/noThenProperty: that is what is tried
    ["of another kind", () => Object.fromEntries([["then", (_: unknown, reject: () => void) => reject()]])],
  ])("that change the same: who answers with a promise %s is told, and nothing is stored", async (_, onConflict) => {
    const asking = flowOf<CookieSession>({ store, onConflict }, COOKIE_FORMAT);
    const [one, other] = [await load(), await load()];
    await asking.save(ID, { cookie: cookie(), a: 2, b: 1 }, one);
    const late = asking.save(ID, { cookie: cookie(), a: 3, b: 1 }, other);
    await expect(late).rejects.toThrow(
      /^Option "onConflict" must be a function that returns the value itself, at once; received a/,
    );
    await expect(late).rejects.toBeInstanceOf(InvalidOptionError);
    expect(await stored()).toEqual({ a: 2, b: 1 });
  });

  test("may save again: what it has not seen is not its own deletion", async () => {
    const [one, other] = [await load(), await load()];
    await flow.save(ID, { cookie: cookie(), a: 1, b: 1, other: true }, other);
    const saved = await flow.save(ID, { cookie: cookie(), a: 2, b: 1 }, one);
    expect(saved).toBe(one);
    await flow.save(ID, { cookie: cookie(), a: 3, b: 1 }, one);
    expect(await stored()).toEqual({ a: 3, b: 1, other: true });
    await flow.save(ID, { cookie: cookie(), a: 3 }, one);
    expect(await stored()).toEqual({ a: 3, other: true });
  });

  test("at the same time, fifty of them, each with a field of its own, leave fifty fields", async () => {
    const bases = await Promise.all(Array.from({ length: 50 }, load));
    const save = (base: SessionBase<CookieSession>, n: number) =>
      flow.save(ID, { cookie: cookie(), a: 1, b: 1, [`field${n}`]: n }, base);
    await Promise.all(bases.map(save));
    expect(Object.keys(await stored())).toHaveLength(52);
  });
});

describe("a save", () => {
  test("of what is there already is a touch", async () => {
    await flow.save(ID, { cookie: cookie(), a: 1 }, undefined);
    const set = vi.spyOn(store, "set");
    const touch = vi.spyOn(store, "touch");
    const base = await load();
    expect(await flow.save(ID, { cookie: cookie(), a: 1 }, base)).toBe(base);
    expect(set).not.toHaveBeenCalled();
    expect(touch).toHaveBeenCalledOnce();
  });

  test("stores what there is when it is called, whatever comes after", async () => {
    const data = { cookie: cookie(), nested: { a: 1 } };
    const saves = [flow.save(ID, data, undefined), flow.save(ID, { ...data, b: 1 }, undefined)];
    data.nested.a = 2;
    await Promise.all(saves);
    expect(await stored()).toEqual({ nested: { a: 1 }, b: 1 });
  });

  test("that takes back an earlier one of the same request, which is still under way, is one", async () => {
    await store.set(ID, { cookie: cookie(), a: 1 } as CookieSession);
    const base = await load();
    await Promise.all([
      flow.save(ID, { cookie: cookie(), a: 2 }, base),
      flow.save(ID, { cookie: cookie(), a: 1 }, base),
    ]);
    expect(await stored()).toEqual({ a: 1 });
  });

  test("under another id is another session", async () => {
    await store.set(ID, { cookie: cookie(), a: 1 } as CookieSession);
    const base = await load();
    await store.delete(ID);
    const saved = await flow.save("new-id", { cookie: cookie(), a: 1 }, base);
    expect(saved?.id).toBe("new-id");
    expect((await store.get("new-id"))?.data).toMatchObject({ a: 1 });
  });

  test("whose end has passed ends the session", async () => {
    await store.set(ID, { cookie: cookie(), a: 1 } as CookieSession);
    expect(await flow.save(ID, { cookie: cookie(-1), a: 2 }, await load())).toBeUndefined();
    expect(await store.get(ID)).toBeUndefined();
  });
});

describe("a session that is over", () => {
  const endings: Record<string, () => Promise<unknown>> = {
    "was deleted": () => store.delete(ID),
    vanished: () => store.clear(),
  };

  test.each(Object.entries(endings))("since it %s is not brought back by any save", async (_, end) => {
    await store.set(ID, { cookie: cookie(), a: 1 } as CookieSession);
    const [changed, unchanged] = [await load(), await load()];
    await end();
    expect(await flow.save(ID, { cookie: cookie(), a: 2 }, changed)).toBeUndefined();
    expect(await flow.save(ID, { cookie: cookie(), a: 1 }, unchanged)).toBeUndefined();
    expect(await store.size()).toBe(0);
  });

  test("is not brought back by a save that is based on nothing", async () => {
    await store.set(ID, { cookie: cookie(), a: 1 } as CookieSession);
    await store.delete(ID);
    expect(await flow.save(ID, { cookie: cookie(), a: 1 }, undefined)).toBeUndefined();
    expect(await store.size()).toBe(0);
  });
});

describe("a session that ends, with a grace", () => {
  const data = (fields: object = {}): CookieSession => ({ cookie: cookie(), ...fields });
  const idUnder = async (id: string) => (await store.get(id))?.id;
  beforeEach(async () => {
    flow = flowOf({ store, rotationGraceMs: HOUR_MS }, COOKIE_FORMAT);
    await store.set(ID, data());
  });

  test("and goes on at once under another id, is found under both", async () => {
    const base = await load();
    await flow.endOrRotate(ID);
    expect(await store.get(ID)).toBeUndefined();
    const saved = await flow.save("new", data(), base);
    expect(saved?.id).toBe("new");
    expect([await idUnder(ID), await idUnder("new")]).toEqual(["new", "new"]);
  });

  test("is over, if what is saved then is based on another session, or on none", async () => {
    await store.set("other", data());
    const found = (await store.get("other")) as Session<CookieSession>;
    await flow.endOrRotate(ID);
    await flow.save("n1", data(), undefined);
    await flow.save("n2", data(), new SessionBase("other", found));
    expect(await store.get(ID)).toBeUndefined();
  });

  test("is over, if what is based on it is saved later", async () => {
    const base = await load();
    await flow.endOrRotate(ID);
    await new Promise(setImmediate);
    await flow.save("new", data(), base);
    expect([await idUnder(ID), await idUnder("new")]).toEqual([undefined, "new"]);
  });

  test("is over, if it is ended once more before the new one is stored", async () => {
    const base = await load();
    await flow.endOrRotate(ID);
    const saved = flow.save("new", data(), base);
    await store.delete(ID);
    await saved;
    expect([await idUnder(ID), await idUnder("new")]).toEqual([undefined, "new"]);
  });

  test("is over, if it has ended twice in one turn", async () => {
    const base = await load();
    await flow.endOrRotate(ID);
    await store.clear();
    vi.spyOn(store, "delete").mockResolvedValue(true); // as of a server that has lost the first deletion
    const rotate = vi.spyOn(store, "rotate");
    await flow.endOrRotate(ID);
    await flow.save("new", data(), base);
    expect(rotate).not.toHaveBeenCalled();
  });

  test("is over, and the new one is saved, if the rotation fails", async () => {
    const base = await load();
    vi.spyOn(store, "rotate").mockRejectedValue(new StoreUnavailableError("no reply"));
    await flow.endOrRotate(ID);
    expect((await flow.save("new", data(), base))?.id).toBe("new");
    expect([await idUnder(ID), await idUnder("new")]).toEqual([undefined, "new"]);
  });
});

test.each([-1, 0.5, 3_600_001, "1", null])("a grace of %s is refused", (rotationGraceMs) => {
  const make = () => flowOf({ store, rotationGraceMs } as never, COOKIE_FORMAT);
  expect(make).toThrow(InvalidOptionError);
  expect(make).toThrow("rotationGraceMs");
});

test("an option that is none is refused", () => {
  const make = (options: object) => () => flowOf({ store, ...options } as never, COOKIE_FORMAT);
  expect(make({ onConflict: "mine" })).toThrow(InvalidOptionError);
  expect(make({ onconflict: () => 1 })).toThrow('Option "onconflict" must be one of store');
});
