import { setImmediate } from "node:timers/promises";
import type { Command, RedisPort, Reply } from "../../src/redis/port.js";

/** A command that waits to be carried out. */
interface Waiting {
  readonly command: Command;
  readonly carryOut: () => Promise<void>;
}

/** A port whose commands wait until the test lets one of them through. */
export class SteppedPort implements RedisPort {
  readonly #execute: (command: Command) => Reply | Promise<Reply>;
  readonly #waiting: Waiting[] = [];

  constructor(execute: (command: Command) => Reply | Promise<Reply>) {
    this.#execute = execute;
  }

  send(command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const carryOut = async () => {
        try {
          resolve(await this.#execute(command));
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.push({ command, carryOut });
    });
  }

  subscribe(): Promise<never> {
    return Promise.reject(new Error("nobody subscribes here"));
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Lets the next one through; resolves when it is answered. */
  async step(): Promise<void> {
    await this.#waiting.shift()?.carryOut();
  }
}

/** Lets the ports' commands through one by one, as `choose` says, until nobody has one left or it says `undefined`. */
export async function play(
  ports: readonly SteppedPort[],
  choose: (ready: number) => number | undefined,
): Promise<void> {
  for (;;) {
    await setImmediate(); // whatever follows from the last reply has happened
    const ready = ports.filter(({ isWaiting }) => isWaiting);
    if (ready.length === 0) return;
    const choice = choose(ready.length);
    if (choice === undefined) return;
    await ready[choice]?.step();
  }
}

/** Runs `scenario` once for every order in which the commands of its ports can be carried out; how many there were. */
export async function inEveryOrder(
  scenario: (choose: (ready: number) => number) => Promise<void>,
): Promise<number> {
  const choices: { taken: number; ready: number }[] = [];
  for (let runs = 1; ; runs++) {
    let n = 0;
    await scenario((ready) => {
      choices[n] ??= { taken: 0, ready };
      return choices[n++]?.taken ?? 0;
    });
    while (choices.length > 0) {
      const last = choices.at(-1);
      if (last !== undefined && ++last.taken < last.ready) break;
      choices.pop();
    }
    if (choices.length === 0) return runs;
  }
}
