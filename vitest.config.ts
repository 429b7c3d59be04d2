import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.js";

/** Whole programs and many processes that watch the clock: each runs alone, when all else is done. */
const ALONE = [
  "test/demo.test.ts",
  "test/history.test.ts",
  "test/redis-cluster-failover.test.ts",
  "test/redis-cluster-ports.test.ts",
  "test/redis-cluster.test.ts",
  "test/sentinel.test.ts",
  "test/soak.test.ts",
];

/** Needs Spin and a C compiler, and nothing of Node: `npm run test:model`. It leaves the processors to the others. */
const MODEL = ["test/repo/model.test.ts"];

/** Needs openssl: `npm run test:deployed`. */
const TLS = ["test/tls.test.ts"];

/** Needs a Valkey server, which not every release of Debian has: `npm run test:deployed`. */
const VALKEY = ["test/valkey.test.ts"];

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    pool: "forks",
    maxWorkers: 2 * availableParallelism(), // most files wait, for leases and servers, most of their time
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000, interval: 5 } },
    coverage: { provider: "v8", include: ["src/**/*.ts"], exclude: ["src/**/*.test.ts"] },
    projects: [
      {
        extends: true,
        test: {
          name: "side by side",
          include: ["src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...ALONE, ...MODEL, ...TLS, ...VALKEY],
          typecheck: { enabled: true, tsconfig: "test/types/tsconfig.json" }, // not all of it again, as of `check:types`
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: "model", include: MODEL, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: "tls", include: TLS, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: "valkey", include: VALKEY, sequence: { groupOrder: 0 } },
      },
    ],
  },
});
