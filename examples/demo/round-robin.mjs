import { once } from "node:events";
import { Agent, createServer, request } from "node:http";

/**
 * A load balancer without sticky sessions: it hands each request to the next of `targets`.
 *
 * @param {readonly { url: string }[]} targets
 */
export async function startRoundRobin(targets) {
  const agent = new Agent({ keepAlive: true });
  let turn = 0;

  const server = createServer((incoming, outgoing) => {
    const target = targets[turn++ % targets.length];
    const { method, headers } = incoming;
    const forwarded = request(`${target?.url}${incoming.url}`, { agent, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", (error) => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end(JSON.stringify({ error: error.message }));
    });
    incoming.pipe(forwarded);
  });

  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
