import { once } from "node:events";
import { connect } from "node:net";

/** What INFO says of one section, asked over a connection of its own so that it disturbs nothing under test. */
export async function redisInfo(port: number, section: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  try {
    await once(socket, "connect");
    socket.end(`INFO ${section}\r\nQUIT\r\n`);
    let reply = "";
    for await (const chunk of socket) reply += chunk;
    return reply;
  } finally {
    socket.destroy();
  }
}
