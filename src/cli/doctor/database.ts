import { DEFAULT_CHANNEL } from "../../options.js";
import { parseUnixUrl } from "../unix-url.js";
import { type Finding, warning } from "./finding.js";
import type { Facts } from "./server.js";

/** Whether nodes on other databases of this server are heard here: a database has keys of its own, but no channels. */
export function databaseOf(url: string, channel: string, info: Facts | undefined): Finding[] {
  const own = parseUnixUrl(url)?.database ?? (new URL(url).pathname.slice(1) || "0");
  const others = [...(info?.keys() ?? [])].filter((name) => /^db\d+$/.test(name) && name !== `db${own}`);
  if (channel !== DEFAULT_CHANNEL || others.length === 0) return [];
  return [
    warning(
      "database",
      `Other databases of this server are in use (${others.join(", ")}), and channels are not per database.`,
      "If sessionmesh also runs there, give each deployment a cluster.channel of its own.",
    ),
  ];
}
