import type { Command, Reply } from "../../../src/redis/port.js";
import { SimulatedRedis } from "../../../src/testing/simulated-redis.js";
import type { Step } from "../../../src/testing/simulation/plan.js";
import type { SeededRandom } from "../../../src/testing/simulation/random.js";
import type { SimulationOptions } from "../../../src/testing/simulation.js";

/** One mechanism of the protocol, taken out. */
export interface Ablation {
  /** Its name for `npm run simulate -- --without`. */
  readonly flag: string;
  /** What is missing; see the table in `docs/internals/protocol.md`. */
  readonly without: string;
  /** Which promises may break then. */
  readonly breaks: readonly string[];
  /** The plan of a seed, where it takes more than chance to bring about what the mechanism is for. Default: that of any seed. */
  readonly plan?: (random: SeededRandom) => Step[];
  /** What else is simulated in another way than by default. */
  readonly options?: Omit<SimulationOptions, "seed" | "plan">;
  /** Takes it out, until the function that it returns is called. */
  apply(): () => void;
}

// biome-ignore lint/suspicious/noExplicitAny: any class will do, and `this` is of that class
export type Any = any;
type Class = { readonly prototype: Any };

/** Replaces methods and getters of a class; each is made of the one that it replaces. */
export function replace(
  target: Class,
  members: Record<string, (replaced: Any) => PropertyDescriptor>,
): () => void {
  const { prototype } = target;
  const restores = Object.entries(members).map(([name, make]) => {
    const original = Object.getOwnPropertyDescriptor(prototype, name);
    if (original === undefined) throw new Error(`There is no ${name} to take out`);
    Object.defineProperty(prototype, name, { configurable: true, ...make(original.value ?? original.get) });
    return () => Object.defineProperty(prototype, name, original);
  });
  return () => {
    for (const restore of restores) restore();
  };
}

export const together =
  (...restores: (() => void)[]) =>
  () => {
    for (const restore of restores) restore();
  };

export const method =
  (make: (replaced: Any) => (this: Any, ...args: Any[]) => unknown) => (replaced: Any) => ({
    value: make(replaced),
    writable: true,
  });
export const getter = (get: (this: Any) => unknown) => () => ({ get });
export const answers = (value: unknown) => method(() => () => value);

/** Lets the server do another thing than it was told. */
export function serverDoes(
  change: (server: SimulatedRedis, command: Command, run: (command: Command) => Reply) => Reply,
) {
  return () =>
    replace(SimulatedRedis, {
      execute: method(
        (execute) =>
          function (command: Command) {
            return change(this, command, (changed) => execute.call(this, changed));
          },
      ),
    });
}

export const isRun = (script: { sha1: string; lua: string }, [name, what]: Command) =>
  (name === "EVALSHA" && what === script.sha1) || (name === "EVAL" && what === script.lua);
/** Where the arguments of a script begin; they are counted from 1, as in Lua. */
export const argument = (command: Command, n: number) => 2 + Number(command[2]) + n;
/** Whether this part of a command that writes sessions says on what condition. */
export const isPutCondition = (command: Command, i: number) =>
  (i - argument(command, 6)) % 8 === 0 && i >= argument(command, 6);
export const withArgument = (command: Command, n: number, value: string) =>
  command.map((part, i) => (i === argument(command, n) ? value : part)) as unknown as Command;
