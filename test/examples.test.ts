import { expect, test } from "vitest";
import { eventually } from "./support/eventually.js";
import { Program } from "./support/program.js";
import { useRedis } from "./support/redis-server.js";

const EXAMPLES = ["express", "fastify", "koa", "hono", "hono-session", "nestjs"];

const redis = useRedis();

test.each(EXAMPLES)("the example %s knows on one instance who logged in and out on another", async (name) => {
  const [here, there] = await Promise.all([startExample(name), startExample(name)]);
  const login = await fetch(`${here}/login/Ada`, { method: "POST" });
  expect(await login.text()).toBe("Welcome, Ada.\n");
  const cookie = cookiesOf(login);
  const greeting = async (url: string) => {
    const response = await fetch(`${url}/`, { headers: { cookie } });
    return `${response.status} ${await response.text()}`;
  };
  expect(await greeting(here)).toBe("200 Hello, Ada.\n");
  expect(await greeting(there)).toBe("200 Hello, Ada.\n");

  const logout = await fetch(`${there}/logout`, { method: "POST", headers: { cookie } });
  expect(await logout.text()).toBe("Goodbye.\n");
  expect(await greeting(there)).toBe("401 Log in first.\n");
  await eventually(async () => (await greeting(here)) === "401 Log in first.\n");
});

test("one command runs an example with a Redis of its own, until Ctrl-C", async () => {
  const example = new Program("scripts/example.mjs", { REDIS_URL: "", PORT: "0" }, ["express"]);
  const url = await example.printed(/Listening on (\S+)/);
  expect((await fetch(url)).status).toBe(401);
  example.interrupt();
  expect(await example.ended()).toBe(130);
  await expect(fetch(url)).rejects.toThrow();
});

test.each(["", "no-such-example"])("the command given %j lists the examples", async (name) => {
  const command = new Program("scripts/example.mjs", {}, [name]);
  expect(await command.ended()).toBe(2);
  for (const example of [...EXAMPLES, "better-auth", "unstorage"]) expect(command.output).toContain(example);
});

function startExample(name: string): Promise<string> {
  const program = new Program(`examples/${name}.mjs`, { REDIS_URL: redis.url, PORT: "0" });
  return program.printed(/Listening on (\S+)/);
}

/** The last of each name, as a browser would send them. */
function cookiesOf(response: Response): string {
  const pairs = response.headers.getSetCookie().map((line) => line.split(";")[0] ?? "");
  return [...new Map(pairs.map((pair) => [pair.split("=")[0], pair])).values()].join("; ");
}
