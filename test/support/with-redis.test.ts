import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { startRedis } from "../../scripts/with-redis.mjs";
import { CLIENT_KINDS } from "./clients.js";
import { eventually } from "./eventually.js";
import { useRedis } from "./redis-server.js";

const WITH_REDIS = resolve(import.meta.dirname, "../../scripts/with-redis.mjs");

/** Whether nothing answers at this address. */
async function isGone(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } }).on("error", () => {});
  try {
    await client.connect();
    client.destroy();
    return false;
  } catch {
    return true;
  }
}

describe("a server of our own", () => {
  const redis = useRedis();

  test("comes back empty on its port", async () => {
    const client = await createClient({ url: redis.url })
      .on("error", () => {})
      .connect();
    await client.set("key", "value");
    const { port, pid } = redis.server;
    await redis.server.kill();
    expect(await isGone(redis.url)).toBe(true);
    await redis.server.restart();
    expect(redis.server.port).toBe(port);
    expect(redis.server.pid).not.toBe(pid);
    expect(await eventually(() => client.get("key"))).toBeNull();
    client.destroy();
  });

  test("stops even when it is suspended, and only once", async () => {
    const server = await startRedis();
    process.kill(server.pid, "SIGSTOP");
    await server.stop();
    expect(await isGone(server.url)).toBe(true);
    await server.stop();
  });

  test("says why it cannot start", async () => {
    await expect(startRedis({ port: redis.port })).rejects.toThrow("Address already in use");
    await expect(startRedis({ args: ["--no-such-option", "1"] })).rejects.toThrow("no-such-option");
  });

  test("ends with the process that started it, even when that is killed", async () => {
    const script = `import { startRedis } from ${JSON.stringify(WITH_REDIS)}; console.log((await startRedis()).url);`;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(owner.stdout.setEncoding("utf8"), "data");
    const url = line.trim();
    expect(await isGone(url)).toBe(false);
    owner.kill("SIGKILL");
    await eventually(() => isGone(url));
  });
});

describe("the command", () => {
  const run = promisify(execFile);

  test("gives its command a server, exits with the command's code, and leaves nothing behind", async () => {
    const script = "console.log(process.env.REDIS_URL); process.exitCode = 7";
    const { REDIS_URL: _, ...env } = process.env;
    const failure = await run(process.execPath, [WITH_REDIS, "--", process.execPath, "-e", script], {
      env,
    }).catch((error) => error);
    expect(failure.code).toBe(7);
    expect(failure.stdout).toMatch(/^redis:\/\/127\.0\.0\.1:\d+\n$/);
    expect(await isGone(failure.stdout.trim())).toBe(true);
  });

  test("uses the server that REDIS_URL names", async () => {
    const REDIS_URL = "redis://elsewhere:6379";
    const { stdout } = await run(
      process.execPath,
      [WITH_REDIS, "--", process.execPath, "-p", "process.env.REDIS_URL"],
      {
        env: { ...process.env, REDIS_URL },
      },
    );
    expect(stdout).toBe(`${REDIS_URL}\n`);
  });
});

describe.each(CLIENT_KINDS)("the client $name", ({ create, connect, close }) => {
  const redis = useRedis();

  test("connects, also to a server that comes later, and can be closed in every state", async () => {
    await close(await connect(redis.port));
    await redis.server.stop();
    await expect(connect(redis.port)).rejects.toThrow("ECONNREFUSED");
    const early = create(redis.port);
    const abandoned = create(redis.port);
    await close(abandoned);
    await close(abandoned);
    await redis.server.restart();
    await eventually(() => ("isReady" in early ? early.isReady : early.status === "ready"));
    await redis.server.kill();
    await close(early);
    await redis.server.restart();
  });
});
