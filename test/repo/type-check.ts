import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CodeBlock, inPlace } from "./markdown.js";
import { entries } from "./package-json.js";
import { run } from "./run.js";
import { ROOT } from "./source.js";

const TIMEOUT_MS = 60_000;
const DIRECTORY = join(ROOT, "node_modules/.cache/sessionmesh-docs");

/** What a `ts` block of the documentation may use without saying where it comes from. */
const CONTEXT = `
import type { Express } from "express";
import type { ClusteredRedisStore, RedisClient } from "sessionmesh";

declare global {
  interface UserSession {
    userId: number;
    name?: string;
    cart?: string[];
  }
  const app: Express;
  const client: RedisClient;
  const store: ClusteredRedisStore<UserSession>;
  const id: string;
}
`;

/** What the compiler says of these blocks, each a module of its own, in one run. By block; errors elsewhere under `undefined`. */
export async function typeCheck(
  blocks: readonly CodeBlock[],
): Promise<Map<CodeBlock | undefined, readonly string[]>> {
  const files = new Map(
    blocks.map((block) => [`${block.path.replaceAll("/", "-")}-${block.line}.ts`, block]),
  );
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { recursive: true });
  for (const [file, block] of files) writeFileSync(join(DIRECTORY, file), inPlace(block));
  writeFileSync(join(DIRECTORY, "context.d.ts"), CONTEXT);
  writeFileSync(join(DIRECTORY, "tsconfig.json"), JSON.stringify(config()));
  const args = ["--pretty", "false", "-p", DIRECTORY];
  const { output } = await run(join(ROOT, "node_modules/.bin/tsc"), args, { timeoutMs: TIMEOUT_MS });
  rmSync(DIRECTORY, { recursive: true });

  const errors = new Map<CodeBlock | undefined, string[]>();
  for (const line of output.split("\n").filter((text) => text.includes("error TS"))) {
    const [, file = "", position = ""] = /([^/]+\.ts)(\(\d+,\d+\).*)/.exec(line) ?? [];
    const block = files.get(file);
    errors.set(block, [...(errors.get(block) ?? []), block ? `${block.path}${position}` : line]);
  }
  return errors;
}

function config() {
  return {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      moduleDetection: "force",
      noUnusedLocals: false,
      noUnusedParameters: false,
      paths: Object.fromEntries(entries.map(({ specifier, types }) => [specifier, [join(ROOT, types)]])),
    },
    include: ["*.ts"],
  };
}
