import { type Finding, problem } from "./finding.js";

const REACHABLE = "reachable";

/** Why there is no connection, and what may help. */
export function connectionFailure({ message, code = "" }: NodeJS.ErrnoException): Finding {
  const said = message || code;
  if (/^(WRONGPASS|NOAUTH)|AUTH <password> called without|invalid password/i.test(said)) {
    const remedy =
      "Give the user and the password in the URL, percent-encoded: redis://user:password@host:6379.";
    return problem("authenticated", said, remedy);
  }
  if (/\bselect\b|DB index/i.test(said)) {
    const remedy = "Give this user the right +select, or use a database that there is; 0 needs no SELECT.";
    return problem("database", said, remedy);
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(code)) {
    const remedy =
      "Let Node trust the server's CA: NODE_EXTRA_CA_CERTS=ca.pem. The URL must have a name that the certificate has; without TLS it begins with redis://.";
    return problem("TLS", `${said} (${code})`, remedy);
  }
  if (/closed|ECONNRESET|EPIPE/i.test(`${said} ${code}`)) {
    const remedy =
      "If the server expects TLS, the URL must begin with rediss://. Else its log says why it hangs up.";
    return problem(REACHABLE, said, remedy);
  }
  return problem(
    REACHABLE,
    said,
    "Check host, port and firewall, that the server runs, its bind address, and that it speaks TLS if the URL begins with rediss://.",
  );
}
