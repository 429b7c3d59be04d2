/** Before that, code is still being compiled and caches are filled. */
const SAMPLES_AT_LEAST = 9;
const RATIO = 1.5;
const MEBIBYTE = 1_024 * 1_024;
/**
 * What each may grow besides. What a process got from the system goes up and down with garbage that was not collected yet, so it says something only
 * of a long run: of one in which there is a sample every so many milliseconds, or less often.
 */
const KINDS = /** @type {const} */ ([
  { kind: "heap", slackBytes: 4 * MEBIBYTE, everyMs: 0 },
  { kind: "external", slackBytes: 4 * MEBIBYTE, everyMs: 0 },
  { kind: "rss", slackBytes: 64 * MEBIBYTE, everyMs: 5_000 },
]);

/** @typedef {import("./settings.mjs").Memory} Memory */

/**
 * How the memory of a process went, as far as that can be judged. It is flat if the last third of the samples is hardly above the first one.
 *
 * @param {readonly Memory[]} samples after garbage collections, at equal distances
 * @param {number} sampleMs how long these are
 */
export function growth(samples, sampleMs) {
  return KINDS.filter(({ everyMs }) => sampleMs >= everyMs).map(({ kind, slackBytes }) => {
    const bytes = samples.map((sample) => sample[kind]);
    const third = Math.floor(bytes.length / 3);
    const [first, last] = [median(bytes.slice(0, third)), median(bytes.slice(bytes.length - third))];
    const isFlat = bytes.length < SAMPLES_AT_LEAST || last <= RATIO * first + slackBytes;
    return { kind, isFlat, said: `${kind} ${mebibytes(first)} MiB at first, ${mebibytes(last)} at last` };
  });
}

/** @param {number} bytes */
function mebibytes(bytes) {
  return (bytes / MEBIBYTE).toFixed(1);
}

/** @param {readonly number[]} numbers */
function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
