import type { Finding, Status } from "./finding.js";

/** What was found, in JSON: for programs. */
export function jsonOf(server: string, findings: readonly Finding[]): string {
  return `${JSON.stringify({ server, works: !has("problem", findings), checks: findings }, undefined, 2)}\n`;
}

/** What was found, in lines: for people. */
export function textOf(server: string, findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ check, status, message, remedy }) => {
    const line = `${status.padEnd(9)}${check.padEnd(15)}${message}`;
    return remedy === undefined ? [line] : [line, `${" ".repeat(24)}${remedy}`];
  });
  return `${server}\n\n${lines.join("\n")}\n\n${summaryOf(findings)}\n`;
}

/** Whether there is such a finding. */
export function has(status: Status, findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.status === status);
}

function summaryOf(findings: readonly Finding[]): string {
  const counted = (status: Status) => {
    const count = findings.filter((finding) => finding.status === status).length;
    return `${count} ${status}${count === 1 ? "" : "s"}`;
  };
  const verdict = has("problem", findings) ? "Sessions do not work here as they should" : "Sessions work";
  return `${verdict}: ${counted("problem")}, ${counted("warning")}.`;
}
