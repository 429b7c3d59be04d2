import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { anchors, codeBlocks, codeSpans, documents, linkTargets, prose } from "./markdown.js";
import { packageJson } from "./package-json.js";
import { listFiles, ROOT, readText } from "./source.js";

/** The languages of fenced blocks: `mermaid` and `text` are for pictures and output, some test looks after each of the others. */
const LANGUAGES = ["diff", "js", "json", "mermaid", "sh", "text", "ts"];

/** A path of this repository, as prose and commands name it. */
const PATH = /^(?:\.ci|bench|docs|examples|scripts|src|test)\/[\w./-]*$/;

const missing = (path: string) => !existsSync(join(ROOT, path));
const unknownScripts = (text: string) =>
  [...text.matchAll(/npm run ([\w:-]+)/g)]
    .map(([, script = ""]) => script)
    .filter((script) => !(script in packageJson.scripts));

describe.each(documents())("$path", (document) => {
  const { path, text } = document;
  const blocks = codeBlocks(document);

  test("has only code blocks that are closed, and of languages that are tested", () => {
    expect(prose(text)).not.toContain("```");
    expect(
      blocks.filter(({ info }) => !LANGUAGES.includes(info)).map(({ info, line }) => ({ info, line })),
    ).toEqual([]);
  });

  test("has only JSON that can be parsed", () => {
    for (const { code } of blocks.filter(({ info }) => info === "json")) JSON.parse(code);
  });

  test("links only to what is there", () => {
    const broken = linkTargets(text).filter((target) => {
      if (/^(https?|mailto):/.test(target)) return false;
      const [file = "", anchor] = target.split("#");
      const linked = file === "" ? path : join(dirname(path), file);
      if (missing(linked)) return true;
      return anchor !== undefined && !anchors(readText(linked)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("names only files and npm scripts that are there", () => {
    const commands = blocks.filter(({ info }) => info === "sh").flatMap(({ code }) => code.split(/\s+/));
    const named = [...codeSpans(text), ...commands].filter((word) => PATH.test(word));
    expect(named.filter(missing)).toEqual([]);
    expect(unknownScripts(text)).toEqual([]);
  });
});

test("the documents are found", () => {
  expect(documents().map(({ path }) => path)).toEqual(
    expect.arrayContaining(["README.md", "CHANGELOG.md", "docs/reference/errors.md"]),
  );
});

test("comments in the sources name only files that are there", () => {
  const named = listFiles("src", ".ts").flatMap((path) =>
    [...readText(path).matchAll(/`([\w-]+(?:\/[\w-]+)*\/(?:[\w-]+\.(?:lua|md|mjs|ts))?)`/g)].map(
      ([, name = ""]) => ({ path, name }),
    ),
  );
  expect(named).not.toEqual([]);
  expect(named.filter(({ name }) => missing(name) && missing(join("src", name)))).toEqual([]);
});
