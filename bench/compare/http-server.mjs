/** One application of `sites.mjs` in a process of its own: tells its port, and then, when it is asked, what processor time it has used. */
import { openSite, SITES } from "./sites.mjs";

const [, , name = "", redisUrl = ""] = process.argv;
const site = /** @type {import("./sites.mjs").SiteKind} */ (SITES[name]);
process.once("disconnect", () => process.exit());
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.send?.({ port: await openSite(site, redisUrl) });
