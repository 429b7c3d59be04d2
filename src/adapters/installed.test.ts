import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { MissingPackageError } from "../errors.js";
import { installed } from "./installed.js";

const require = createRequire(import.meta.url);

function loading(name: string): { error: unknown } {
  try {
    require(name);
  } catch (error) {
    return { error };
  }
  throw new Error(`${name} is there`);
}

test("a package that is there is what it exports", () => {
  expect(installed("a-package", { exported: 1 })).toBe(1);
});

test("one that is not there is named, with what Node said", () => {
  const missing = loading("no-such-package");
  expect(() => installed("no-such-package", missing)).toThrow(
    expect.objectContaining({ packageName: "no-such-package", cause: missing.error }),
  );
});

test("one that is there and fails throws what it throws", () => {
  const { error } = loading("no-such-dependency");
  for (const thrown of [error, new Error("broken"), undefined]) {
    const load = () => installed("a-package", { error: thrown });
    if (thrown === undefined) expect(load).toThrow();
    else expect(load).toThrow(thrown as Error);
    expect(load).not.toThrow(MissingPackageError);
  }
});
