/**
 * Whether JSON would make `stored` of `value`, in the same order; several times faster than spelling both. Where JSON merely
 * tolerates a value (NaN, a function in an array), it may count as another: that costs a write and nothing else.
 */
export function isStoredAs(stored: unknown, value: unknown): boolean {
  if (value === stored) return true;
  if (typeof value !== "object" || value === null) return false;
  const hasJson = "toJSON" in value && typeof value.toJSON === "function";
  return isSpeltAs(stored, hasJson ? (value as { toJSON(): unknown }).toJSON() : value);
}

/** The same of what `toJSON()` has given: JSON does not ask that once more, and many a class returns itself. */
function isSpeltAs(stored: unknown, value: unknown): boolean {
  if (value === stored) return true;
  if (typeof value !== "object" || value === null) return false;
  if (typeof stored !== "object" || stored === null) return false;
  if (Array.isArray(value) || Array.isArray(stored)) {
    if (!Array.isArray(value) || !Array.isArray(stored) || stored.length !== value.length) return false;
    return value.every((item, i) => isStoredAs(stored[i], item));
  }
  const keys = Object.keys(stored);
  let matched = 0;
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    if (child === undefined || typeof child === "function") continue;
    if (keys[matched++] !== key || !isStoredAs((stored as Record<string, unknown>)[key], child)) return false;
  }
  return matched === keys.length;
}
