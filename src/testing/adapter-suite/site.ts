import { inspect } from "node:util";
import type { Gates } from "./gates.js";

/** A request's session as the routes of the suite see it, whatever the middleware calls it. */
export interface SiteSession {
  /** Its id. */
  id(): string | null;
  /** What the application has stored, without what belongs to the middleware. */
  read(): Promise<Readonly<Record<string, unknown>>>;
  /** Changes that in place. */
  change(change: (data: Record<string, unknown>) => void): Promise<void>;
  /** Logs out. */
  destroy(): Promise<void>;
  /** A new id, with empty data or with what there is. Without it, the cases about it are left out. */
  regenerate?(): Promise<void>;
  /** Asks for a save. Without it, one comes of a change that changes nothing. */
  save?(): Promise<void>;
  /** Lets the session live for so long after each renewal, in milliseconds. Without it, the case about it is left out. */
  live?(ms: number): void;
  /** What the application's own code could print or enumerate. */
  readonly visible: object;
}

/** What a route answers. */
export interface SiteAnswer {
  readonly status: number;
  readonly body: string;
}

/** Answers a request of the suite: every site serves all paths with it, behind its session middleware. */
export type SiteRoutes = (path: string, session: SiteSession) => Promise<SiteAnswer>;

type Route = (session: SiteSession, args: readonly string[]) => Promise<unknown>;

/** The routes, by the first part of their path; the others are arguments. What they return is sent as JSON. */
export function siteRoutes(gates: Gates): SiteRoutes {
  const routes: Readonly<Record<string, Route>> = {
    login: async (session, [user]) => {
      await session.regenerate?.();
      await session.change((data) => {
        data.user = user;
      });
    },
    me: (session) => session.read(),
    id: async (session) => {
      await session.read(); // some middlewares load a session only when they are asked for it
      return session.id();
    },
    set: (session, [field = "", value]) =>
      session.change((data) => {
        data[field] = value;
      }),
    unset: (session, [field = ""]) =>
      session.change((data) => {
        delete data[field];
      }),
    nest: (session, [object = "", field = "", value]) =>
      session.change((data) => {
        data[object] = { ...(data[object] as object | undefined), [field]: value };
      }),
    "slow-nest": async (session, [gate = "", object = "", field = "", value]) => {
      await session.read();
      await gates.pass(gate);
      await session.change((data) => {
        data[object] = { ...(data[object] as object | undefined), [field]: value };
      });
    },
    remember: async (session, [ms]) => session.live?.(Number(ms)),
    save: async (session) => {
      const data = await session.read();
      await (session.save === undefined ? session.change((own) => Object.assign(own, data)) : session.save());
    },
    polluted: async (session) => {
      await session.read();
      return (session.visible as { polluted?: unknown }).polluted ?? null;
    },
    fill: (session, [field = "", length]) =>
      session.change((data) => {
        data[field] = "x".repeat(Number(length));
      }),
    length: async (session, [field = ""]) => String((await session.read())[field] ?? "").length,
    // As a handler that takes what it is sent: own keys, whatever they are called.
    take: (session, [json = ""]) =>
      session.change((data) => {
        for (const [key, value] of Object.entries(JSON.parse(json))) {
          Object.defineProperty(data, key, { value, enumerable: true, configurable: true, writable: true });
        }
      }),
    "slow-set": async (session, [gate = "", field = "", value]) => {
      await session.read();
      await gates.pass(gate);
      await session.change((data) => {
        data[field] = value;
      });
    },
    "slow-read": async (session, [gate = ""]) => {
      const data = await session.read();
      await gates.pass(gate);
      return data;
    },
    renew: async (session) => {
      const kept = await session.read();
      await session.regenerate?.();
      await session.change((data) => Object.assign(data, kept));
    },
    look: async (session) => {
      await session.read();
      const { visible } = session;
      const keys: string[] = [];
      for (const key in visible) keys.push(key);
      return { keys, json: JSON.stringify(visible), printed: inspect(visible, { depth: 10 }) };
    },
    logout: (session) => session.destroy(),
  };
  return async (path, session) => {
    const [name = "", ...args] = path.split("/").slice(1).map(decodeURIComponent);
    const route = routes[name];
    if (route === undefined) return { status: 404, body: "" };
    return { status: 200, body: JSON.stringify((await route(session, args)) ?? null) };
  };
}
