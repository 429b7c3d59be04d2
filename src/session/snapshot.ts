/** `T` with every property readonly, all the way down: what a reader of a shared snapshot may do with it. */
export type Snapshot<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Snapshot<T[K]> }
    : T;

/** Freezes a tree of plain objects and arrays in place and returns it. */
export function freezeDeep<T>(value: T): Snapshot<T> {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key in value) {
      const child = value[key];
      if (typeof child === "object" && child !== null) freezeDeep(child);
    }
  }
  return value as Snapshot<T>;
}

/** A mutable copy of a tree of plain objects and arrays, several times faster than parsing its JSON. */
export function cloneDeep<T>(value: Snapshot<T>): T {
  return (typeof value === "object" && value !== null ? cloneObject(value) : value) as T;
}

function cloneObject(source: object): object {
  if (Array.isArray(source)) {
    const items: unknown[] = [];
    for (const item of source) items.push(cloneDeep(item));
    return items;
  }
  const copy: Record<string, unknown> = { ...source }; // copies an object with its hidden class: faster than key by key
  for (const key in copy) {
    const child = copy[key];
    if (typeof child !== "object" || child === null) continue;
    // Assigning to "__proto__" would set the prototype; as an own key it comes from JSON that somebody else wrote.
    if (key === "__proto__") delete copy[key];
    else copy[key] = cloneObject(child);
  }
  return copy;
}
