import { type Finding, ok, warning } from "./finding.js";
import type { Server } from "./server.js";

const MAX_DIFFERENCE_MS = 1_000;

/** How far the server's clock is from that of this machine. */
export async function clockOf(server: Server): Promise<Finding[]> {
  const sentAtMs = Date.now();
  const reply = await server.ask("TIME").catch(() => undefined);
  if (reply === undefined) return [];
  const [seconds, microseconds] = reply as [string, string];
  const differenceMs = Math.round(
    Number(seconds) * 1_000 + Number(microseconds) / 1_000 - (sentAtMs + Date.now()) / 2,
  );
  const said = `The server's clock is ${Math.abs(differenceMs)} ms ${differenceMs < 0 ? "behind" : "ahead of"} this machine's.`;
  if (Math.abs(differenceMs) <= MAX_DIFFERENCE_MS) return [ok("clock", said)];
  const remedy =
    "Let both follow NTP. Sessions end when they should all the same; but the ends that people are told are wrong.";
  return [warning("clock", said, remedy)];
}
