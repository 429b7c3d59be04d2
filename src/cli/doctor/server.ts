import type { NodePort } from "../../redis/cluster-node.js";
import { RedisCommands, type RedisCommandsOptions } from "../../redis/commands.js";
import type { Command, RedisPort, Reply } from "../../redis/port.js";

/** What INFO says, or HELLO where that is forbidden: fields by their names. */
export type Facts = ReadonlyMap<string, string>;

/** A server that is looked at. */
export class Server {
  readonly port: RedisPort;
  readonly commands: RedisCommands;
  readonly #options: RedisCommandsOptions;

  constructor(options: RedisCommandsOptions) {
    this.#options = options;
    this.port = options.port;
    this.commands = new RedisCommands(options);
  }

  /** The same server, as nodes of a Redis Cluster speak to it that tell each other within a shard what changed. */
  inShard(): Server {
    const port = this.port as NodePort; // of one server, by either client
    return new Server({
      ...this.#options,
      port: {
        send: (command) => port.send(command),
        subscribe: (request) => port.subscribe(request, "sharded"),
        publishCommand: "SPUBLISH",
      },
    });
  }

  /** Sends one command. Rejects with what the server or the client says. */
  async ask(...command: Command): Promise<Reply> {
    try {
      return await this.commands.send(command);
    } catch (error) {
      throw (error as Error).cause ?? error;
    }
  }

  /** What the server says of itself; `undefined` where INFO is forbidden. */
  async info(): Promise<Facts | undefined> {
    const reply = await this.ask("INFO").catch(() => undefined);
    if (reply === undefined) return undefined;
    const fields = [...String(reply).matchAll(/^(\w+):(.*?)\r?$/gm)];
    return new Map(fields.map(([, name = "", value = ""]) => [name, value]));
  }

  /** The same, as far as HELLO says it, which no ACL forbids. */
  async hello(): Promise<Facts> {
    return entriesOf(await this.ask("HELLO").catch(() => []));
  }

  /** One setting; `undefined` where CONFIG is forbidden, or where there is no such setting. */
  async setting(name: string): Promise<string | undefined> {
    return entriesOf(await this.ask("CONFIG", "GET", name).catch(() => [])).get(name);
  }
}

/** Pairs: a list in RESP2, an object in RESP3. */
function entriesOf(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) {
    const pairs = reply instanceof Map ? [...reply] : Object.entries(reply ?? {});
    return new Map(pairs.map(([name, value]) => [String(name), String(value)]));
  }
  const entries = new Map<string, string>();
  for (let i = 0; i < reply.length; i += 2) entries.set(String(reply[i]), String(reply[i + 1]));
  return entries;
}
