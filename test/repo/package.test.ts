import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageJson } from "./package-json.js";
import { run } from "./run.js";
import { listFiles, ROOT, sourceModules } from "./source.js";

const TIMEOUT_MS = 60_000;
const directory = mkdtempSync(join(tmpdir(), "sessionmesh-package-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a program that has to succeed; its output. */
async function succeed(command: string, args: string[], cwd: string): Promise<string> {
  const { code, output } = await run(command, args, { cwd, timeoutMs: TIMEOUT_MS });
  expect({ code, output }).toEqual({ code: 0, output });
  return output;
}

/**
 * Installs the tarball into a new project, as npm does it and without network: our only dependency comes from where we have
 * it. What the project has besides is linked.
 */
async function install(name: string, besides: readonly string[]): Promise<string> {
  const project = join(directory, name);
  mkdirSync(project);
  const dependencies = Object.keys(packageJson.dependencies);
  const ours = dependencies.map((dependency) => [
    dependency,
    `file:${join(ROOT, "node_modules", dependency)}`,
  ]);
  const tarball = `file:../${packageJson.name}-${packageJson.version}.tgz`;
  const manifest = {
    private: true,
    dependencies: { ...Object.fromEntries(ours), [packageJson.name]: tarball },
  };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  await succeed("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"], project);
  for (const linked of besides) {
    const link = join(project, "node_modules", linked);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", linked), link);
  }
  return project;
}

beforeAll(async () => {
  await succeed("npm", ["pack", "--ignore-scripts", "--pack-destination", directory], ROOT);
}, TIMEOUT_MS);

const projects = [
  { name: "root", packages: ["@types/node"] },
  { name: "all", packages: ["@types/node", "@types/express-session", "express-session", "redis"] },
] as const;

describe.each(projects)("installed beside $packages, a program that uses $name", ({ name, packages }) => {
  let project: string;
  beforeAll(async () => {
    project = await install(name, packages);
  }, TIMEOUT_MS);

  const bring = (file: string) => {
    copyFileSync(join(ROOT, "test/consumers", file), join(project, basename(file)));
    return basename(file);
  };

  test("has all files that it needs, and no other package", () => {
    const installed = readdirSync(join(project, "node_modules")).filter((item) => !/^[.@]/.test(item));
    const linked = packages.filter((item) => !item.startsWith("@"));
    expect(installed).toEqual([...Object.keys(packageJson.dependencies), ...linked, packageJson.name].sort());
  });

  test.each(["mjs", "cjs"])("runs as a .%s file, without a warning", async (extension) => {
    expect(await succeed(process.execPath, [bring(`${name}.${extension}`)], project)).toBe("");
  });

  test("compiles as strict TypeScript, with the types of libraries checked", async () => {
    const compilerOptions = {
      ...{ target: "ES2023", lib: ["ES2023"], module: "NodeNext", types: ["node"], noEmit: true },
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    };
    const files = [bring(`typescript/${name}.ts`)];
    writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    expect(await succeed(join(ROOT, "node_modules/.bin/tsc"), ["--pretty", "false"], project)).toBe("");
  });
});

test("bundled with express-session, a program needs neither of them installed", async () => {
  const project = join(directory, "all");
  const input = join(project, "express-session-in-one-file.mjs");
  writeFileSync(
    input,
    `import session from "express-session";
     import { ExpressSessionStore } from "sessionmesh/express";
     console.log(ExpressSessionStore.prototype instanceof session.Store);`,
  );
  const bundle = await rolldown({ input, cwd: project, platform: "node", logLevel: "silent" });
  const file = join(directory, "bundled.mjs");
  await bundle.write({ file, codeSplitting: false });
  expect(await succeed(process.execPath, [file], directory)).toBe("true\n");
});

test("a command that finds no client says what to install", async () => {
  const project = join(directory, "root");
  const command = join(project, "node_modules/.bin/sessionmesh");
  const migrate = (...flags: string[]) =>
    run(command, ["migrate", "--to", "sessionmesh", "--url", "redis://127.0.0.1:1", ...flags], {
      cwd: project,
      timeoutMs: TIMEOUT_MS,
    });
  expect(await migrate()).toEqual({
    code: 1,
    output: "Error: No Redis client is installed. Run: npm install redis (or: npm install ioredis)\n",
  });
  expect(await migrate("--client", "ioredis")).toEqual({
    code: 1,
    output: "Error: The package ioredis is not installed. Run: npm install ioredis\n",
  });
});

test("the tarball holds what is built, what it refers to, and nothing else", async () => {
  const project = join(directory, "root", "node_modules", packageJson.name);
  const packed = readdirSync(project, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(project.length + 1));
  const types = sourceModules().map(({ path }) => path.replace(/^src/, "dist").replace(/\.ts$/, ".d.ts"));
  const { exports, bin } = packageJson;
  const named = [...Object.values(exports), ...Object.values(bin)].map((entry) =>
    typeof entry === "string" ? entry : entry.default,
  );
  const entries = named.filter((file) => file.endsWith(".js")).map((file) => file.replace("./", ""));
  const chunks = packed.filter((file) => /^dist\/chunks\/[\w-]+\.js$/.test(file));
  expect(chunks.length).toBeGreaterThan(0);
  const asTheyAre = listFiles("src", ".cjs").map((path) => path.replace(/^src/, "dist"));
  const built = [...types, ...entries, ...chunks, ...asTheyAre];
  const documents = ["CHANGELOG.md", "LICENSE", "README.md", ...listFiles("docs/reference", ".md")];
  expect(packed.sort()).toEqual([...built, ...documents, "package.json"].sort());
});
