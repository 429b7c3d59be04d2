import { once } from "node:events";
import { connect } from "node:net";

/** Runs one command over a connection of its own, so that it disturbs no client under test. Returns the raw reply. */
export async function redisCommand(port: number, ...command: string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  try {
    await once(socket, "connect");
    socket.end(`${command.join(" ")}\r\nQUIT\r\n`);
    let reply = "";
    for await (const chunk of socket) reply += chunk;
    if (reply.startsWith("-")) throw new Error(`${command[0]}: ${reply}`);
    return reply;
  } finally {
    socket.destroy();
  }
}
