import { expect, test } from "vitest";
import { anchors, codeBlocks, codeSpans, linkTargets, section, sectionTitles, tableOf } from "./markdown.js";

const text = `# A \`title\`, twice

See [the guide](docs/guide.md#start), ![picture](a.png) and [this][ref]; not \`[a](b)\`. Run \`npm test\`.

\`\`\`js
// # no heading, [no](link)
run();
\`\`\`

- item
  \`\`\`text
  out
  \`\`\`

## A title, twice

| Name | Meaning |
|---|---|
| \`a\` | one \\| two |
| \`b\` | |

## ERROR_CODE

End.

[ref]: other.md
`;

test("finds blocks of code, indented ones too, with the line where they begin", () => {
  expect(codeBlocks({ path: "a.md", text })).toEqual([
    { path: "a.md", line: 6, info: "js", code: "// # no heading, [no](link)\nrun();\n" },
    { path: "a.md", line: 12, info: "text", code: "out\n" },
  ]);
});

test("finds links and code spans of the prose only", () => {
  expect(linkTargets(text)).toEqual(["docs/guide.md#start", "a.png", "other.md"]);
  expect(codeSpans(text)).toEqual(["title", "[a](b)", "npm test", "a", "b"]);
});

test("finds headings, sections, anchors and tables", () => {
  expect(sectionTitles(text)).toEqual(["A title, twice", "ERROR_CODE"]);
  expect(section(text, "ERROR_CODE")).toContain("End.");
  expect(() => section(text, "End.")).toThrow("no section");
  expect([...anchors(text)]).toEqual(["a-title-twice", "a-title-twice-1", "error_code"]);
  expect(tableOf(section(text, "A title, twice"))).toEqual([
    ["`a`", "one \\| two"],
    ["`b`", ""],
  ]);
});
