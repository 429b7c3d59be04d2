/** What a server says that refuses for now, and what it says that refuses for good. Anything else comes from the connection. */
const REFUSED_FOR_NOW = /^(LOADING|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|MOVED|ASK) /;
const REFUSED = /^[A-Z][A-Z0-9_]+ /;
/**
 * What a server says that refuses every command. The others refuse this one alone (`WRONGTYPE`, `NOPERM`, a script's own word), or
 * writes alone (`OOM`, `READONLY`, `MISCONF`, `NOREPLICAS`), where reads must go on.
 */
const REFUSES_ALL = /^(LOADING|MASTERDOWN|CLUSTERDOWN|BUSY|NOAUTH|ERR max number of clients reached)\b/;

/** Whether a failure may be over in a moment: a connection that broke, a server that is starting. */
export function mayPass({ message }: Error): boolean {
  return REFUSED_FOR_NOW.test(message) || !REFUSED.test(message);
}

/** Whether a failure says that no command would have fared better: Redis cannot be reached, does not answer, or refuses all. */
export function isOutage({ message }: Error): boolean {
  return REFUSES_ALL.test(message) || !REFUSED.test(message);
}

/** Whether a failure lets doubt that the node is the one to ask: it cannot be reached, or says itself that it is not, or not now. */
export function speaksOfNode(error: Error): boolean {
  return isOutage(error) || error.message.startsWith("READONLY ");
}
