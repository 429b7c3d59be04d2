import { expect, test } from "vitest";
import { isOutage, mayPass, speaksOfNode } from "./failures.js";

test.each([
  "connect ECONNREFUSED 127.0.0.1:6379",
  "read ECONNRESET",
  "Socket closed unexpectedly",
  "The client is closed",
  "no reply within 1000 ms",
  "LOADING Redis is loading the dataset in memory",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "CLUSTERDOWN The cluster is down",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "NOAUTH Authentication required.",
  "ERR max number of clients reached",
])("speaks of an outage: %s", (message) => {
  expect(isOutage(new Error(message))).toBe(true);
});

test.each([
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "READONLY You can't write against a read only replica.",
  "MISCONF Redis is configured to save RDB snapshots",
  "NOREPLICAS Not enough good replicas to write.",
  "NOPERM this user has no permissions",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "MOVED 3999 127.0.0.1:6381",
  "ASK 3999 127.0.0.1:6381",
  "CROSSSLOT Keys in request don't hash to the same slot",
  "SLOTMOVED slot 3999 is going to another node; the scan must begin anew",
  "NOSCRIPT No matching script.",
  "ERR unknown command",
])("refuses one command, or writes: %s", (message) => {
  expect(isOutage(new Error(message))).toBe(false);
});

test.each([
  ["The master of slot 3999 cannot be reached", true],
  ["CLUSTERDOWN Hash slot not served", true],
  ["TRYAGAIN Multiple keys request during rehashing of slot", true],
  ["MOVED 3999 127.0.0.1:6381", true],
  ["ASK 3999 127.0.0.1:6381", true],
  ["CROSSSLOT Keys in request don't hash to the same slot", false],
  ["SLOTMOVED slot 3999 is going to another node; the scan must begin anew", false],
])("of a Redis Cluster may be over in a moment: %s: %s", (message, expected) => {
  expect(mayPass(new Error(message))).toBe(expected);
});

test.each([
  ["Socket closed unexpectedly", true],
  ["CLUSTERDOWN The cluster is down", true],
  ["READONLY You can't write against a read only replica.", true],
  ["TRYAGAIN Multiple keys request during rehashing of slot", false],
  ["NOSCRIPT No matching script.", false],
])("lets doubt that the node is the one to ask: %s: %s", (message, expected) => {
  expect(speaksOfNode(new Error(message))).toBe(expected);
});
