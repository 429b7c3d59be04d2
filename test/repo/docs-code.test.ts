import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { useRedis } from "../support/redis-server.js";
import { type CodeBlock, codeBlocks, documents, inPlace } from "./markdown.js";
import { run } from "./run.js";
import { typeCheck } from "./type-check.js";

const RUN_TIMEOUT_MS = 15_000;
const TYPE_CHECK_TIMEOUT_MS = 60_000;

const blocks = documents().flatMap(codeBlocks);
const where = ({ path, line }: CodeBlock) => `${path}:${line}`;

describe("a `js` block is a whole program that runs as it is:", () => {
  const redis = useRedis();
  const runProgram = (block: CodeBlock) => {
    const preload = join(import.meta.dirname, "serve-and-end.mjs");
    return run(process.execPath, ["--import", preload, "--input-type=module", "-"], {
      env: { REDIS_URL: redis.url },
      stdin: inPlace(block),
      timeoutMs: RUN_TIMEOUT_MS,
    });
  };

  for (const block of blocks.filter(({ info }) => info === "js")) {
    test(where(block), async () => {
      // without an address, a client would look for a server on port 6379, which is not ours
      expect(block.code).not.toMatch(/(?:createClient|new Redis|new Cluster)\(\)/);
      expect(await runProgram(block)).toMatchObject({ code: 0 });
    });
  }

  test("one that throws fails, at its line in the document", async () => {
    const code = 'import "sessionmesh";\nthrow new Error("no");\n';
    const outcome = await runProgram({ path: "bad.md", line: 7, info: "js", code });
    expect(outcome).toEqual({ code: 1, output: expect.stringContaining(":8") });
  });

  test("one that serves is visited and ended, and fails if it cannot answer", async () => {
    const server = (status: number) => ({
      path: "serve.md",
      line: 1,
      info: "js",
      code: `import { createServer } from "node:http";
        createServer((_, response) => response.writeHead(${status}).end()).listen(3000, () => console.log("up"));`,
    });
    expect(await runProgram(server(404))).toEqual({ code: 0, output: "up\n" });
    expect(await runProgram(server(500))).toMatchObject({ code: 1 });
  });
});

describe("a `ts` block, and what a `diff` block arrives at, has no type errors:", () => {
  const snippets = blocks.flatMap((block) => {
    if (block.info === "diff") return { ...block, code: outcomeOf(block.code) };
    return block.info === "ts" ? block : [];
  });
  const bad = { path: "bad.md", line: 3, info: "ts", code: "\nawait store.touch(id, { ttl: 1 });\n" };
  let errors: Awaited<ReturnType<typeof typeCheck>>;

  beforeAll(async () => {
    errors = await typeCheck([...snippets, bad]);
  }, TYPE_CHECK_TIMEOUT_MS);

  for (const block of snippets) {
    test(where(block), () => expect(errors.get(block)).toBeUndefined());
  }

  test("one that has some fails, at its line in the document", () => {
    expect(errors.get(bad)).toEqual([expect.stringContaining("bad.md(4,25): error TS2353")]);
    expect(errors.get(undefined)).toBeUndefined();
  });
});

/** The lines that a diff keeps and adds. */
function outcomeOf(diff: string): string {
  return diff.replaceAll(/^-.*$/gm, "").replaceAll(/^[+ ]/gm, "");
}
