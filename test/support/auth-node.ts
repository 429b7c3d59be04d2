import { type MemoryDB, memoryAdapter } from "better-auth/adapters/memory";
import { type BetterAuthOptions, betterAuth } from "better-auth/minimal";
import { onTestFinished } from "vitest";
import { type BetterAuthStorage, betterAuthStorage } from "../../src/adapters/better-auth.js";
import { ClusteredRedisStore, type RedisClient } from "../../src/index.js";
import type { ClientKind } from "./clients.js";
import type { clusterNames } from "./node.js";

const BASE_URL = "http://localhost:3000";
const PASSWORD = "correct horse";

export interface AuthNodeOptions {
  kind: ClientKind;
  port: number;
  names: ReturnType<typeof clusterNames>;
  db: MemoryDB;
  /** Puts something between better-auth and the storage. */
  wrap?: (storage: BetterAuthStorage) => Partial<BetterAuthStorage>;
  auth?: Partial<BetterAuthOptions>;
  /** Default: so long that a machine that is busy with other tests costs no lease. */
  maxStalenessMs?: number;
}

/** The tables of users and accounts, which the nodes of a test share; sessions are in the storage. */
export function userDatabase(): MemoryDB {
  return { user: [], session: [], account: [], verification: [] };
}

/** better-auth on one node of a cluster, closed when the test is over. */
export async function startAuthNode({
  kind,
  port,
  names,
  db,
  wrap,
  auth = {},
  maxStalenessMs = 10_000,
}: AuthNodeOptions) {
  const client = kind.create(port);
  const store = new ClusteredRedisStore<string>({
    client: client as RedisClient,
    ...names,
    commandTimeoutMs: maxStalenessMs / 2,
    cluster: { ...names.cluster, maxStalenessMs },
  });
  onTestFinished(async () => {
    await store.close();
    await kind.close(client);
  });
  await store.start();
  const storage = betterAuthStorage({ store });
  return {
    prefix: names.prefix,
    client,
    store,
    storage,
    site: authSite({ ...storage, ...wrap?.(storage) }, db, auth),
  };
}

export type AuthSite = ReturnType<typeof authSite>;

/** What visitors see of better-auth with this storage. */
export function authSite(
  secondaryStorage: BetterAuthStorage,
  db: MemoryDB,
  options: Partial<BetterAuthOptions> = {},
) {
  const { handler } = betterAuth({
    baseURL: BASE_URL,
    secret: "a secret of all nodes, and long enough",
    database: memoryAdapter(db),
    secondaryStorage,
    emailAndPassword: {
      enabled: true,
      // hashing takes long, on purpose
      password: { hash: async (word) => word, verify: async ({ hash, password }) => hash === password },
    },
    rateLimit: { enabled: false },
    logger: { disabled: true },
    telemetry: { enabled: false },
    ...options,
  });

  const send = (path: string, { cookie = "", body }: { cookie?: string; body?: object } = {}) => {
    const headers = {
      cookie,
      origin: BASE_URL,
      "content-type": "application/json",
      "x-forwarded-for": "203.0.113.7",
    };
    const url = `${BASE_URL}/api/auth/${path}`;
    return handler(
      body === undefined
        ? new Request(url, { headers })
        : new Request(url, { method: "POST", headers, body: JSON.stringify(body) }),
    );
  };
  const enter = async (path: string, body: object): Promise<string> => {
    const response = await send(path, { body });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return cookieOf(response);
  };

  return {
    send,
    /** A new user; the cookie of their session. */
    signUp: (email: string) => enter("sign-up/email", { email, name: "Ada", password: PASSWORD }),
    /** The cookie of a new session. */
    signIn: (email: string) => enter("sign-in/email", { email, password: PASSWORD }),
    signOut: (cookie: string) => send("sign-out", { cookie, body: {} }),
    /** The email of the user whose session the cookie names, if it does. */
    async whoIs(cookie: string): Promise<string | undefined> {
      const response = await send("get-session", { cookie });
      if (!response.ok) throw new Error(`get-session: ${response.status}`);
      const found = (await response.json()) as { user: { email: string } } | null;
      return found?.user.email;
    },
    /** The tokens of the user's sessions. */
    async sessions(cookie: string): Promise<string[]> {
      const response = await send("list-sessions", { cookie });
      if (!response.ok) throw new Error(`list-sessions: ${response.status}`);
      return ((await response.json()) as { token: string }[]).map(({ token }) => token).sort();
    },
  };
}

function cookieOf(response: Response): string {
  const cookie = response.headers.getSetCookie().find((line) => line.includes("session_token="));
  return cookie?.split(";")[0] ?? "";
}

/** The token that a session's cookie holds before the signature. */
export function tokenOf(cookie: string): string {
  return decodeURIComponent(cookie.split("=")[1] ?? "").split(".")[0] ?? "";
}
