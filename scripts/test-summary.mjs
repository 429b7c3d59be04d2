/**
 * Sums up a run in one line, "N passed, N failed", and exits with 0 only if nothing failed:
 *
 *     node scripts/test-summary.mjs <report of vitest, as JSON> <number of steps that failed>
 */
import { readFileSync } from "node:fs";

/**
 * What did not run did not pass: a skipped test, a file that could not be loaded, and a run without a single test are failures.
 *
 * @param {import("vitest/node").JsonTestResults} report
 */
function failures({ numTotalTests, numPassedTests, testResults }) {
  const unloaded = testResults.filter(({ status, assertionResults }) => {
    return status === "failed" && assertionResults.length === 0;
  });
  return numTotalTests - numPassedTests + unloaded.length;
}

const [file = "", failedSteps] = process.argv.slice(2);
let passed = 0;
let failed = 0;
try {
  const report = JSON.parse(readFileSync(file, "utf8"));
  passed = report.numPassedTests;
  failed = failures(report);
} catch (error) {
  console.log(`There is no report of the tests: ${error}`);
}
// The tests are a step as well: if they failed, so has at least one of them, and that is counted already.
failed = Math.max(failed, Number(failedSteps));
if (passed === 0 && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
