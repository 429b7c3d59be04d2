import { expect, test } from "vitest";
import { eventually } from "./support/eventually.js";
import { Program } from "./support/program.js";
import { useRedis } from "./support/redis-server.js";

const redis = useRedis();

test("the unstorage example knows on one instance who logged in and out on another", async () => {
  const [here, there] = await twoInstances("examples/unstorage.mjs");
  const login = await fetch(`${here}/login/Ada`, { method: "POST" });
  expect(await login.text()).toBe("Welcome, Ada.\n");
  const cookie = cookieOf(login);
  expect(await greeting(here, cookie)).toBe("200 Hello, Ada.\n");
  expect(await greeting(there, cookie)).toBe("200 Hello, Ada.\n");

  await fetch(`${there}/logout`, { method: "POST", headers: { cookie } });
  expect(await greeting(there, cookie)).toBe("401 Log in first.\n");
  await eventually(async () => (await greeting(here, cookie)) === "401 Log in first.\n");
});

test("the better-auth example knows on one instance who logged in and out on another", async () => {
  const [here, there] = await twoInstances("examples/better-auth.mjs");
  const post = (url: string, path: string, body: object, cookie = "") =>
    fetch(`${url}/api/auth/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: url, cookie },
      body: JSON.stringify(body),
    });
  const signUp = { email: "ada@example.com", name: "Ada", password: "correct horse" };
  const login = await post(here, "sign-up/email", signUp);
  expect(login.status).toBe(200);
  const cookie = cookieOf(login);
  expect(await greeting(here, cookie)).toBe("200 Hello, Ada.\n");
  expect(await greeting(there, cookie)).toBe("200 Hello, Ada.\n");

  await post(there, "sign-out", {}, cookie);
  expect(await greeting(there, cookie)).toBe("401 Log in first.\n");
  await eventually(async () => (await greeting(here, cookie)) === "401 Log in first.\n");
});

async function twoInstances(file: string): Promise<[string, string]> {
  const start = () => new Program(file, { REDIS_URL: redis.url, PORT: "0" }).printed(/Listening on (\S+)/);
  return Promise.all([start(), start()]);
}

function cookieOf(response: Response): string {
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

async function greeting(url: string, cookie: string): Promise<string> {
  const response = await fetch(`${url}/`, { headers: { cookie } });
  return `${response.status} ${await response.text()}`;
}
