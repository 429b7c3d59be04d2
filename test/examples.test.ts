import { expect, test } from "vitest";
import { eventually } from "./support/eventually.js";
import { Program } from "./support/program.js";
import { useRedis } from "./support/redis-server.js";

const redis = useRedis();

test("the Express example knows on one instance who logged in and out on another", async () => {
  const instances = [startExample(), startExample()];
  const [here, there] = await Promise.all(instances);

  const login = await fetch(`${here}/login/Ada`, { method: "POST" });
  expect(await login.text()).toBe("Welcome, Ada.\n");
  const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const greeting = async (url: string | undefined) => {
    const response = await fetch(`${url}/`, { headers: { cookie } });
    return `${response.status} ${await response.text()}`;
  };
  expect(await greeting(here)).toBe("200 Hello, Ada.\n");
  expect(await greeting(there)).toBe("200 Hello, Ada.\n");

  await fetch(`${there}/logout`, { method: "POST", headers: { cookie } });
  expect(await greeting(there)).toBe("401 Log in first.\n");
  await eventually(async () => (await greeting(here)) === "401 Log in first.\n");
});

function startExample(): Promise<string> {
  return new Program("examples/express.mjs", { REDIS_URL: redis.url, PORT: "0" }).printed(
    /Listening on (\S+)/,
  );
}
