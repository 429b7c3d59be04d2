import { MissingPackageError } from "../errors.js";

/** What `require()` has made of a package: what it exports, or why it could not be loaded. */
export interface Loaded<M> {
  readonly exported?: M;
  readonly error?: unknown;
}

/** The package, if it is there; otherwise an error that says what to install. One that is there and fails throws what it throws. */
export function installed<M>(name: string, { exported, error }: Loaded<M>): M {
  if (exported !== undefined) return exported;
  const { code, message = "" } = error as NodeJS.ErrnoException;
  if (code !== "MODULE_NOT_FOUND" || !message.includes(`'${name}'`)) throw error;
  throw new MissingPackageError(name, { cause: error });
}
