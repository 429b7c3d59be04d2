import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listFiles, ROOT } from "./source.js";

/** Directories without documents of ours. */
const IGNORED = /^(\.git|coverage|dist|node_modules)$/;

/** A Markdown file of the repository. */
export interface Document {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block. */
export interface CodeBlock {
  readonly path: string;
  /** The line of the document on which the code begins, from 1 on. */
  readonly line: number;
  /** What stands behind the opening fence. */
  readonly info: string;
  readonly code: string;
}

export function documents(): Document[] {
  const paths = readdirSync(ROOT, { withFileTypes: true }).flatMap((item) => {
    if (item.isDirectory()) return IGNORED.test(item.name) ? [] : listFiles(item.name, ".md");
    return item.name.endsWith(".md") ? item.name : [];
  });
  return paths.sort().map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

export function codeBlocks({ path, text }: Document): CodeBlock[] {
  return [...text.matchAll(/^([ \t]*)(`{3,})(.*)\n((?:.*\n)*?)\1\2[ \t]*$/gm)].map((match) => {
    const [, indent = "", , info = "", code = ""] = match;
    const line = text.slice(0, match.index).split("\n").length + 1;
    return { path, line, info: info.trim(), code: code.replaceAll(new RegExp(`^${indent}`, "gm"), "") };
  });
}

/** The code with its lines at the numbers that they have in the document, so that errors point there. */
export function inPlace({ line, code }: CodeBlock): string {
  return "\n".repeat(line - 1) + code;
}

/** The text without its fenced blocks. */
export function prose(text: string): string {
  return text.replaceAll(/^([ \t]*)(`{3,}).*\n(?:.*\n)*?\1\2[ \t]*$/gm, "");
}

/** The code spans of the prose, `like this one`. */
export function codeSpans(text: string): string[] {
  return [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
}

/** Where the links and images lead. */
export function linkTargets(text: string): string[] {
  const plain = prose(text).replaceAll(/`[^`\n]+`/g, "code");
  const forms = [/\]\(\s*([^)\s]+)/g, /^\[[^\]]+\]:\s*(\S+)/gm, /\b(?:href|src)="([^"]+)"/g];
  return forms.flatMap((form) => [...plain.matchAll(form)].map(([, target = ""]) => target));
}

/** The headings of the second level. */
export function sectionTitles(text: string): string[] {
  return [...prose(text).matchAll(/^## (.+)$/gm)].map(([, title = ""]) => title.trim());
}

/** What stands under a heading of the second level. */
export function section(text: string, title: string): string {
  const found = text.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`There is no section "${title}".`);
  return found;
}

/** The anchors that a renderer makes of the headings: lower case, punctuation dropped, spaces as hyphens, repetitions counted. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, title = ""] of prose(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = title
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let unique = anchor;
    for (let n = 1; found.has(unique); n++) unique = `${anchor}-${n}`;
    found.add(unique);
  }
  return found;
}

/** The cells of the first table, without its header. */
export function tableOf(text: string): string[][] {
  const [table = ""] = /(?:^\|.*\|$\n?)+/m.exec(text) ?? [];
  const rows = table.trimEnd().split("\n").slice(2);
  return rows.map((row) =>
    row
      .replaceAll(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}
