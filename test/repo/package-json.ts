import { readText } from "./source.js";

/** The fields of package.json that the tests of the repository read. */
export interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export const packageJson: PackageJson = JSON.parse(readText("package.json"));

/** A way into the package that runs code. */
export interface Entry {
  /** What users import, such as `sessionmesh/express`. */
  readonly specifier: string;
  /** The module that is built for it, such as `src/adapters/express.ts`. */
  readonly source: string;
  readonly types: string;
  readonly code: string;
}

export const entries: readonly Entry[] = Object.entries(packageJson.exports).flatMap(([subpath, target]) =>
  typeof target === "string"
    ? []
    : {
        specifier: packageJson.name + subpath.slice(1),
        source: sourceOf(target.default),
        types: target.types,
        code: target.default,
      },
);

/** The modules that are built for the commands of the package. */
export const programs: readonly string[] = Object.values(packageJson.bin).map(sourceOf);

/** The module that a file of the package is built from. */
function sourceOf(file: string): string {
  return file.replace(/^(?:\.\/)?dist\//, "src/").replace(/\.js$/, ".ts");
}
