import { readdirSync, readFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { parseAst } from "vitest/node";

/** The directory that holds package.json. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** A module of ours, as far as the tests of the repository look into it. */
export interface SourceModule {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  /** What it imports or re-exports, types too: paths of ours as in `path`, and the names of packages. */
  readonly imports: readonly string[];
  /** The declarations that it exports. */
  readonly declarations: readonly Declaration[];
  /** The names that it re-exports. */
  readonly reexports: readonly Reexport[];
  /** Whether it has `export *` or `export default`: what it exports cannot be read from it then. */
  readonly hasUnnamedExports: boolean;
}

export interface Reexport {
  readonly name: string;
  /** The name that it has in the module `from`. */
  readonly original: string;
  readonly from: string;
}

export interface Declaration {
  readonly name: string;
  readonly kind: "class" | "function" | "interface" | "type" | "value";
  /** Whether a doc comment stands right before it. */
  readonly documented: boolean;
  /** The members that an interface declares itself, not those that it inherits. */
  readonly members: readonly string[];
}

/** The paths of all files in a directory of the repository, sorted. */
export function listFiles(directory: string, extension: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" })
    .map((file) => posix.join(directory, file.replaceAll("\\", "/")))
    .filter((file) => file.endsWith(extension) && !file.includes("/node_modules/"))
    .sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** All modules of `src/`, without the tests that stand beside them. */
export function sourceModules(): SourceModule[] {
  const paths = listFiles("src", ".ts").filter((path) => !path.endsWith(".test.ts"));
  return paths.map((path) => parseModule(path, readText(path)));
}

/** What the tests of the repository need of the syntax tree; `parseAst` gives more. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

export function parseModule(path: string, text: string): SourceModule {
  const body = parseAst(text, { lang: "ts" }).body as unknown as Node[];
  const exporting = body.filter(({ type }) => type === "ExportNamedDeclaration");
  return {
    path,
    imports: [...new Set(specifiers(body).map((specifier) => resolveSpecifier(path, specifier)))],
    declarations: exporting.flatMap((node) => declarationsOf(node, text)),
    reexports: exporting.flatMap((node) => reexportsOf(node, path, body)),
    hasUnnamedExports: body.some(({ type }) => /^Export(All|Default)Declaration$/.test(type)),
  };
}

/** `export { a as b } from "./c.js"`, or the same in two statements: an import, and an export of what was imported. */
function reexportsOf(statement: Node, path: string, body: readonly Node[]): Reexport[] {
  return (statement.specifiers as Node[]).map(({ local, exported }) => {
    const name = nameOf(exported);
    if (statement.source !== null) {
      return { name, original: nameOf(local), from: resolveSpecifier(path, nameOf(statement.source)) };
    }
    for (const { type, source, specifiers } of body) {
      if (type !== "ImportDeclaration") continue;
      const imported = (specifiers as Node[]).find((specifier) => nameOf(specifier.local) === nameOf(local));
      if (imported !== undefined) {
        return { name, original: nameOf(imported.imported), from: resolveSpecifier(path, nameOf(source)) };
      }
    }
    throw new Error(`${path} exports ${name} apart from its declaration`);
  });
}

/** Whatever form an import has (statement, expression, type, re-export): its node has the specifier as its `source`. */
function specifiers(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  const { source } = node as { source?: { type?: string } };
  const own = source?.type === "Literal" ? [nameOf(source)] : [];
  return [...own, ...Object.values(node).flatMap(specifiers)];
}

/** `./x.js` becomes the path of the module, `@a/b/c` the package `@a/b`, `node:fs` stays. */
function resolveSpecifier(importer: string, specifier: string): string {
  if (specifier.startsWith(".")) {
    return posix.join(posix.dirname(importer), specifier).replace(/\.js$/, ".ts");
  }
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

const KINDS: Record<string, Declaration["kind"]> = {
  ClassDeclaration: "class",
  FunctionDeclaration: "function",
  TSDeclareFunction: "function",
  TSInterfaceDeclaration: "interface",
  TSTypeAliasDeclaration: "type",
};

function declarationsOf(statement: Node, text: string): Declaration[] {
  const declaration = statement.declaration as Node | null;
  if (declaration === null) return [];
  const documented = text.slice(0, statement.start).trimEnd().endsWith("*/");
  const kind = KINDS[declaration.type] ?? "value";
  const variables = declaration.declarations as Node[] | undefined;
  const named = variables ?? [declaration];
  return named.map(({ id }) => ({ name: nameOf(id), kind, documented, members: membersOf(declaration) }));
}

function membersOf(declaration: Node): string[] {
  if (declaration.type !== "TSInterfaceDeclaration") return [];
  const { body } = declaration.body as { body: Node[] };
  return body.flatMap(({ key }) => (key === undefined ? [] : [nameOf(key)]));
}

/** The text of an identifier or of a string. */
function nameOf(node: unknown): string {
  const { name, value } = node as { name?: string; value?: string };
  return String(name ?? value);
}
