import { styleText } from "node:util";

/** @typedef {Parameters<typeof styleText>[0]} Style */

const TITLE_WIDTH = 62;
const LABEL_WIDTH = 50;
const COLUMN_WIDTH = 18;

const isTerminal = process.stdout.isTTY;
const hasColours = isTerminal && process.stdout.hasColors(); // knows NO_COLOR

/** Tells a story on the terminal, and remembers whether every step of it held. */
export class Story {
  #steps = 0;
  #failures = 0;
  #interrupted = false;
  #startedAtMs = performance.now();

  get held() {
    return this.#failures === 0;
  }

  /** @param {string} title */
  chapter(title) {
    console.log(`\n${paint("bold", title)}`);
  }

  /** @param {string} text */
  note(text) {
    console.log(paint("dim", `  ${text}`));
  }

  /**
   * One step: holds unless `observe` throws.
   *
   * @param {string} title
   * @param {() => Promise<string>} observe returns what was observed, in a few words
   */
  async step(title, observe) {
    if (isTerminal) process.stdout.write(paint("dim", `  … ${title}`));
    this.#steps++;
    const ending = await observe().then(
      (observation) => ({ mark: paint("green", "✓"), text: paint("dim", observation) }),
      (error) => {
        this.#failures++;
        return { mark: paint("red", "✗"), text: paint("red", messageOf(error)) };
      },
    );
    if (this.#interrupted) await new Promise(() => {}); // the story goes no further: the process is about to end
    if (isTerminal) process.stdout.write("\r\x1b[K");
    console.log(`  ${ending.mark} ${title.padEnd(TITLE_WIDTH)} ${ending.text}`);
  }

  /**
   * The story cannot go on.
   *
   * @param {unknown} error
   */
  breakOff(error) {
    this.#failures++;
    if (!this.#interrupted) console.error(messageOf(error));
  }

  /** Says whether all steps held, and how long that took: less than a minute, on a machine that does nothing else. */
  end() {
    const seconds = ((performance.now() - this.#startedAtMs) / 1_000).toFixed(0);
    const held = `${this.#steps - this.#failures} of ${this.#steps} steps held, in ${seconds} s.`;
    console.log(`\n${paint(this.held ? "green" : "red", held)}`);
  }

  /** Nothing is told any more. */
  interrupt() {
    this.#interrupted = true;
  }

  /**
   * @param {readonly (readonly string[])[]} rows each begins with a label; the first is the head
   * @param {readonly string[]} notes to be printed below
   */
  table(rows, notes) {
    for (const [index, [label = "", ...cells]] of rows.entries()) {
      const line = label.padEnd(LABEL_WIDTH) + cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join("");
      console.log(index === 0 ? `\n  ${paint("bold", line)}` : `  ${line}`);
    }
    console.log("");
    for (const note of notes) this.note(note);
  }
}

/**
 * A duration, as people read it.
 *
 * @param {number} value in milliseconds
 */
export function ms(value) {
  return `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US")} ms`;
}

/** @param {number} value */
export function count(value) {
  return value.toLocaleString("en-US");
}

/** @param {number} share from 0 to 1 */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/**
 * @param {Style} style
 * @param {string} text
 */
function paint(style, text) {
  return hasColours ? styleText(style, text) : text;
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function messageOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}
