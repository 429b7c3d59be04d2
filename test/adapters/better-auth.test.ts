import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { MemoryDB } from "better-auth/adapters/memory";
import { type BetterAuthStorage, betterAuthStorage } from "../../src/adapters/better-auth.js";
import type { SiteSession } from "../../src/testing/adapter-suite.js";
import { type AuthSite, authSite, tokenOf, userDatabase } from "../support/auth-node.js";
import { describeSites, listening, type OpenSite, type SiteRequest } from "./sites.js";

/** The users of each case, which its nodes share. */
const databases = new Map<string, MemoryDB>();

function databaseOf(prefix: string): MemoryDB {
  const database = databases.get(prefix) ?? userDatabase();
  databases.set(prefix, database);
  return database;
}

/** The session of one request: the routes log in, ask who that is, and log out. */
function authSession(site: AuthSite, cookie: string, answer: (response: Response) => void): SiteSession {
  const told = async (path: string, body?: object) => {
    const response = await site.send(path, { cookie, ...(body && { body }) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    answer(response);
    return response;
  };
  return {
    id: () => tokenOf(cookie) || null,
    async read() {
      const found = (await (await told("get-session")).json()) as { user: { name: string } } | null;
      return found === null ? {} : { user: found.user.name };
    },
    async change(change) {
      const data: Record<string, unknown> = {};
      change(data);
      const email = `${randomUUID()}@example.com`;
      await told("sign-up/email", { email, name: data.user, password: "correct horse" });
    },
    async destroy() {
      await told("sign-out", {});
    },
    visible: {},
  };
}

async function open({ adapter, routes, maxAgeMs, failed }: SiteRequest): Promise<OpenSite> {
  const { rotationGraceMs: _, ...options } = adapter as { rotationGraceMs?: number; prefix?: string };
  const storage: BetterAuthStorage = betterAuthStorage(options as never);
  const session = { expiresIn: maxAgeMs / 1_000 };
  const site = authSite(storage, databaseOf(options.prefix ?? ""), { session });
  const server = createServer(async (request, response) => {
    const cookie = request.headers.cookie ?? "";
    const set: string[] = [];
    const answer = ({ headers }: Response) => void set.push(...headers.getSetCookie());
    try {
      const { status, body } = await routes(request.url ?? "/", authSession(site, cookie, answer));
      response.writeHead(status, { "set-cookie": set }).end(body);
    } catch (error) {
      failed(error);
      response.writeHead(500).end(String(error));
    }
  });
  return listening(server.listen(0, "127.0.0.1"), storage.store);
}

describeSites("better-auth", open, {
  ...{ regenerates: false, rolls: false, waits: true, readsRenew: false, remembers: false },
  wholeSeconds: true, // of its cookie
  ...{ tellsOfLogouts: false, servesCached: false }, // it reads lists before it signs anybody out, and what fails then it keeps to itself
  stores: false,
});
