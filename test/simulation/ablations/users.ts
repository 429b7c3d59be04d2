import { LocalCache } from "../../../src/cache/local-cache.js";
import { Revocations } from "../../../src/cluster/revocations.js";
import { DEFAULT_CACHE_TTL_MS } from "../../../src/options.js";
import { CLEAR } from "../../../src/redis/scripts/clear.js";
import { type Ablation, answers, isRun, method, replace, serverDoes, withArgument } from "./tools.js";

/** Of what concerns many sessions at once, and how long one lives. */
export const USER_ABLATIONS: readonly Ablation[] = [
  {
    flag: "revoked-users",
    without: "remembering which users were revoked",
    breaks: ["I1"],
    apply: () => replace(Revocations, { hasUser: answers(false) }),
  },
  {
    flag: "telling-of-clear",
    without: "telling the nodes that all sessions were cleared",
    breaks: ["I2"],
    apply: serverDoes((_server, command, run) =>
      run(isRun(CLEAR, command) ? withArgument(command, 2, "") : command),
    ),
  },
  {
    flag: "end-of-copies",
    without: "ending a copy when the session itself ends",
    breaks: ["life"],
    apply: () =>
      replace(LocalCache, {
        set: method(
          (set) =>
            function (id: string, held: unknown, options: object) {
              return set.call(this, id, held, { ...options, ttlMs: DEFAULT_CACHE_TTL_MS });
            },
        ),
      }),
  },
];
