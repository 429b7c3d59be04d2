/** One case of a contract suite, for whatever runs tests: `for (const { name, run } of cases) test(name, run)`. */
export interface ContractCase {
  /** What must hold, as a sentence. */
  readonly name: string;
  /** Resolves if it holds, otherwise rejects; usually with an `AssertionError`. */
  run(): Promise<void>;
}
