import { describe, expect, test } from "vitest";
import { CLIENT_KINDS } from "../../test/support/clients.js";
import { useRedis } from "../../test/support/redis-server.js";
import { StoreUnavailableError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { RedisCommands } from "./commands.js";
import { portOf, type RedisClient } from "./detect.js";
import { script } from "./scripts/script.js";

describe.each(CLIENT_KINDS)("RedisCommands on $name", (kind) => {
  const redis = useRedis();
  const clock = new ManualClock();

  async function withCommands(use: (commands: RedisCommands) => Promise<void>): Promise<void> {
    const client = await kind.connect(redis.port);
    try {
      await use(
        new RedisCommands({ port: portOf(client as RedisClient), clock, timeoutMs: 100, maxPending: 2 }),
      );
    } finally {
      await kind.close(client);
    }
  }

  test("refuses a reply that is handled too late, though no timer has run: the process was paused", () =>
    withCommands(async (commands) => {
      const reply = commands.send(["PING"]);
      clock.jump(100);
      await expect(reply).rejects.toThrow(StoreUnavailableError);
    }));

  test("gives up when the time is over, without waiting for the reply", () =>
    withCommands(async (commands) => {
      const reply = commands.send(["PING"]);
      clock.advance(100);
      await expect(reply).rejects.toThrow("no reply within 100 ms");
      expect(await commands.send(["PING"])).toBe("PONG");
    }));

  test("refuses at once what is too much, and takes more when replies have come", () =>
    withCommands(async (commands) => {
      const pending = [commands.send(["PING"]), commands.send(["PING"])];
      await expect(commands.send(["PING"])).rejects.toThrow("2 commands wait for it already");
      await Promise.all(pending);
      expect(await commands.send(["PING"])).toBe("PONG");
    }));

  test("does not send a script's text after the caller was told that it failed", () =>
    withCommands(async (commands) => {
      await commands.send(["SCRIPT", "FLUSH"]);
      const late = commands.run(script("return redis.call('SET', KEYS[1], 'late')"), ["late"], []);
      clock.advance(100);
      await expect(late).rejects.toThrow("no reply within 100 ms");
      expect(await commands.send(["PING"])).toBe("PONG"); // the server has answered NOSCRIPT by now
      expect(await commands.send(["EXISTS", "late"])).toBe(0);
    }));

  test("runs a script that the server does not know, and tells its errors apart", () =>
    withCommands(async (commands) => {
      const echo = script("return {KEYS[1], ARGV[1], 7, false}");
      await commands.send(["SCRIPT", "FLUSH"]);
      expect(await commands.run(echo, ["k"], ["a"])).toEqual(["k", "a", 7, null]);
      expect(await commands.run(echo, ["k"], ["b"])).toEqual(["k", "b", 7, null]);
      const failing = script("return redis.error_reply('NOPE is not NOSCRIPT')");
      await expect(commands.run(failing, [], [])).rejects.toThrow("NOPE");
    }));
});
