import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { memoryAdapter } from "better-auth/adapters/memory";
import { betterAuth } from "better-auth/minimal";
import { getCookie, H3, setCookie, toNodeHandler } from "h3";
import { createStorage } from "unstorage";

/**
 * Applications on libraries that keep values rather than sessions, with the paths of `middlewares.mjs`.
 */

const SECRET = "a secret of the benchmark, 32 characters or more";

let changes = 0;

/**
 * h3 with a session in unstorage, as an item under the id in a cookie.
 *
 * @param {import("unstorage").Driver} driver
 */
export async function openUnstorage(driver) {
  const storage = createStorage({ driver });
  const app = new H3();
  app.get("/:action", async (event) => {
    const id = getCookie(event, "id") ?? randomUUID();
    const data = (await storage.getItem(id)) ?? {};
    const action = event.context.params?.action;
    if (action === "save") await storage.setItem(id, data);
    if (action === "change")
      await storage.setItem(id, { .../** @type {object} */ (data), changes: changes++ });
    setCookie(event, "id", id, { path: "/" });
    return "";
  });
  return listening(createServer(toNodeHandler(app)));
}

/**
 * better-auth, whose users are in memory. A change is one of the user's name, which it writes into the session too; it has no save without a change.
 *
 * @param {import("better-auth").BetterAuthOptions["secondaryStorage"]} secondaryStorage
 */
export async function openBetterAuth(secondaryStorage) {
  const auth = betterAuth({
    baseURL: "http://localhost:3000",
    secret: SECRET,
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    ...(secondaryStorage && { secondaryStorage }),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    logger: { disabled: true },
    telemetry: { enabled: false },
  });
  return listening(
    createServer(async (request, response) => {
      const headers = new Headers({ cookie: request.headers.cookie ?? "" });
      const name = `name ${changes++}`;
      const found = await auth.api.getSession({ headers });
      if (found === null) {
        const email = `${randomUUID()}@example.com`;
        const body = { email, name, password: "correct horse" };
        const signedUp = await auth.api.signUpEmail({ body, asResponse: true });
        response.setHeader("set-cookie", signedUp.headers.getSetCookie());
      } else if (request.url === "/change") {
        await auth.api.updateUser({ headers, body: { name } });
      }
      response.end();
    }),
  );
}

/** @param {import("node:http").Server} server */
async function listening(server) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: /** @type {import("node:net").AddressInfo} */ (server.address()).port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
