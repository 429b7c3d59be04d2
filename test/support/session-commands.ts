import { BEAT } from "../../src/redis/scripts/beat.js";
import { DELETE } from "../../src/redis/scripts/delete.js";
import { LEGACY_READ } from "../../src/redis/scripts/legacy-read.js";
import { LEGACY_TOUCH } from "../../src/redis/scripts/legacy-touch.js";
import { LIST } from "../../src/redis/scripts/list.js";
import { PUT } from "../../src/redis/scripts/put.js";
import { READ } from "../../src/redis/scripts/read.js";
import { REPLACE } from "../../src/redis/scripts/replace.js";
import { ROTATE } from "../../src/redis/scripts/rotate.js";
import { TOUCH } from "../../src/redis/scripts/touch.js";
import type { TestClient } from "./clients.js";

const SCRIPT_NAMES = new Map([
  [LEGACY_READ.sha1, "legacy-read"],
  [LEGACY_TOUCH.sha1, "legacy-touch"],
  [LIST.sha1, "list"],
  [DELETE.sha1, "delete"],
  [PUT.sha1, "put"],
  [READ.sha1, "read"],
  [REPLACE.sha1, "replace"],
  [ROTATE.sha1, "rotate"],
  [TOUCH.sha1, "touch"],
]);

/**
 * Records what a client sends for sessions from now on: the names of our scripts, and whatever else as it is. Two things are left
 * out: beats, which keep the lease whether or not there are requests, and the texts of scripts that the server did not know yet.
 */
export function recordSessionCommands(client: TestClient): string[] {
  const sent: string[] = [];
  const note = ([command, sha1]: readonly string[]) => {
    if (sha1 !== BEAT.sha1 && command !== "EVAL") sent.push(SCRIPT_NAMES.get(sha1 ?? "") ?? `${command}`);
  };
  if ("call" in client) {
    const call = client.call.bind(client) as (...command: string[]) => Promise<unknown>;
    Object.assign(client, {
      call: (...command: string[]) => {
        note(command);
        return call(...command);
      },
    });
  } else {
    const sendCommand = client.sendCommand.bind(client) as (command: string[], options?: object) => unknown;
    Object.assign(client, {
      sendCommand: (command: string[], options?: object) => {
        note(command);
        return sendCommand(command, options);
      },
    });
  }
  return sent;
}
