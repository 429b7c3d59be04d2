import { until } from "../until.js";
import type { Callback, ExpressStore, Untyped } from "./types.js";

/** The outcome of a method that takes a callback, as a promise. */
export function outcome<R>(call: (callback: Callback<R>) => unknown): Promise<R | undefined> {
  return new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
}

export function read(store: ExpressStore, id: string): Promise<Untyped> {
  return outcome((callback) => store.get(id, callback));
}

export function write(store: ExpressStore, id: string, session: Untyped): Promise<unknown> {
  return outcome((callback) => store.set(id, session, callback));
}

export function touch(store: ExpressStore, id: string, session: Untyped): Promise<unknown> {
  return outcome((callback) => store.touch(id, session, callback));
}

export function destroy(store: ExpressStore, id: string): Promise<unknown> {
  return outcome((callback) => store.destroy(id, callback));
}

export function clear(store: ExpressStore): Promise<unknown> {
  return outcome((callback) => store.clear(callback));
}

export function count(store: ExpressStore): Promise<number | undefined> {
  return outcome<number>((callback) => store.length(callback));
}

/** All sessions. Stores give an object by id, as MemoryStore does, or an array, as the documentation of express-session says. */
export async function list(store: ExpressStore): Promise<Untyped[]> {
  return Object.values(await outcome<Untyped>((callback) => store.all(callback)));
}

export type Method = "get" | "set" | "touch" | "destroy";

/** Records the names of the methods that are called from now on. */
export function record(store: ExpressStore): Method[] {
  const calls: Method[] = [];
  for (const method of ["get", "set", "touch", "destroy"] as const) {
    const original: (...args: Untyped[]) => unknown = store[method];
    store[method] = function (this: ExpressStore, ...args: Untyped[]) {
      calls.push(method);
      return original.apply(this, args);
    };
  }
  return calls;
}

/** Lets a method fail from now on. */
export function fail(store: ExpressStore, method: Method, error: Error): void {
  store[method] = (...args: unknown[]) => {
    const callback = args.at(-1) as Callback;
    setImmediate(callback, error);
  };
}

/** Waits until the wall clock has moved on: what is due so many milliseconds from now is then due later than before. */
export async function untilLater(): Promise<void> {
  const nowMs = Date.now();
  await until(() => Date.now() > nowMs);
}
