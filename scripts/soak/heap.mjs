/** Before that, code is still being compiled and caches are filled. */
const SAMPLES_AT_LEAST = 9;
const RATIO = 1.5;
const SLACK_BYTES = 4 * 1_024 * 1_024;

/**
 * Whether the memory in use is flat: the last third of the samples is hardly above the first one.
 *
 * @param {readonly number[]} heapBytes after garbage collections, at equal distances
 */
export function heapGrowth(heapBytes) {
  const third = Math.floor(heapBytes.length / 3);
  const [first, last] = [median(heapBytes.slice(0, third)), median(heapBytes.slice(-third))];
  const isFlat = heapBytes.length < SAMPLES_AT_LEAST || last <= RATIO * first + SLACK_BYTES;
  return { isFlat, firstBytes: first, lastBytes: last };
}

/** @param {readonly number[]} numbers */
function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
