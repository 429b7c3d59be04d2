import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, the longest first: the last of them to begin would be the last to end, with nothing beside it. */
const LONG = [
  "test/repo/model.test.ts",
  "test/store-contract.test.ts",
  "test/compare-run.test.ts",
  "test/redis-cluster-contract.test.ts",
  "test/sentinel-contract.test.ts",
  "test/deployments.test.ts",
  "test/cluster-revocation.test.ts",
  "test/doctor.test.ts",
  "test/faults/failing-servers.test.ts",
  "test/valkey.test.ts",
  "test/adapters/express.test.ts",
  "test/simulation/more-seeds.test.ts",
  "test/simulation/first-seeds.test.ts",
  "test/adapters/hono.test.ts",
  "test/faults/serve-cached.test.ts",
  "test/express.test.ts",
];

/** Begins with the files that take longest. The order in which Vitest sorts files by itself takes the size of a new one for its time. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONG.findIndex((path) => moduleId.endsWith(`/${path}`));
      return index === -1 ? LONG.length : index;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
