import { SessionMeshError, StoreUnavailableError } from "../errors.js";

/** A command that this node did not send, for a reason of its own. */
export class NotSentError extends Error {}

/** Why a command is not sent any more that has waited for a server: whoever asked was told that it failed. */
export function tooLate(): Error {
  return new Error("it was too late to send it");
}

/** What a server says that refuses for now, and what it says that refuses for good. Anything else comes from the connection. */
const REFUSED_FOR_NOW = /^(LOADING|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|MOVED|ASK) /;
const REFUSED = /^[A-Z][A-Z0-9_]+ /;
/**
 * What a server says that refuses every command. The others refuse this one alone (`WRONGTYPE`, `NOPERM`, a script's own word), or
 * writes alone (`OOM`, `READONLY`, `MISCONF`, `NOREPLICAS`), where reads may go on: for as long as the node may serve them, since beats are writes.
 */
const REFUSES_ALL = /^(LOADING|MASTERDOWN|CLUSTERDOWN|BUSY|NOAUTH|ERR max number of clients reached)\b/;

/** Whether a failure may be over in a moment: a connection that broke, a server that is starting. */
export function mayPass({ message }: Error): boolean {
  return REFUSED_FOR_NOW.test(message) || !REFUSED.test(message);
}

/** Whether the server refused a command before it did anything, and may take it in a moment: then it may be sent again, whatever it is. */
export function isRefusedForNow({ message }: Error): boolean {
  return REFUSED_FOR_NOW.test(message);
}

/** Whether a slot is going from one master to another, and its keys are not all at one of them: that may take as long as there are keys. */
export function isMigrating({ message }: Error): boolean {
  return message.startsWith("TRYAGAIN ");
}

/** Whether a failure says that no command would have fared better: Redis cannot be reached, does not answer, or refuses all. */
export function isOutage({ message }: Error): boolean {
  return REFUSES_ALL.test(message) || !REFUSED.test(message);
}

/** Whether a failure says nothing of Redis: this node sent nothing, or what it found there forbids it to. */
export function saysNothing(error: Error): boolean {
  if (error instanceof SessionMeshError) return !(error instanceof StoreUnavailableError);
  return error instanceof NotSentError;
}

/** Whether a failure lets doubt that the node is the one to ask: it cannot be reached, or says itself that it is not, or not now. */
export function speaksOfNode(error: Error): boolean {
  return isOutage(error) || error.message.startsWith("READONLY ");
}

/** What a server refuses: a command that it does not have, or that this user must not use; a key; a channel. */
export type Refusal = "unknown" | "command" | "key" | "channel";

/** What an error refuses; `undefined` if it says something else. */
export function refusalOf({ message }: Error): Refusal | undefined {
  if (/^ERR unknown (sub)?command/i.test(message)) return "unknown";
  if (!message.startsWith("NOPERM")) return undefined;
  if (/\bchannels?\b/.test(message)) return "channel";
  return /\bkeys?\b/.test(message) ? "key" : "command";
}
