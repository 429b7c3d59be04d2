import { onTestFinished } from "vitest";
import { ExpressSessionStore } from "../../src/adapters/express.js";
import type { RedisClient } from "../../src/redis/detect.js";
import type { ClientKind, TestClient } from "./clients.js";
import { clusterNames } from "./node.js";

export interface ExpressNodeOptions {
  kind: ClientKind;
  port: number;
  /** Default: names of its own, so that it is alone. */
  names?: ReturnType<typeof clusterNames>;
  /** Default: so long that a machine that is busy with other tests costs no command. */
  commandTimeoutMs?: number;
  /** Default: so long that such a machine costs no lease, either. */
  maxStalenessMs?: number;
  /** Whether to wait for the first lease. Default: `true`. */
  start?: boolean;
}

/** A node with its adapter for express-session, on a client of its own; closed when the test is over. */
export async function startExpressNode({
  kind,
  port,
  names = clusterNames(),
  commandTimeoutMs = 5_000,
  maxStalenessMs = 10_000,
  start = true,
}: ExpressNodeOptions): Promise<{ store: ExpressSessionStore; client: TestClient }> {
  const client = kind.create(port);
  const store = new ExpressSessionStore({
    client: client as RedisClient,
    prefix: names.prefix,
    cluster: { ...names.cluster, maxStalenessMs },
    commandTimeoutMs,
  });
  onTestFinished(async () => {
    await store.store.close();
    await kind.close(client);
  });
  if (start) await store.store.start();
  return { store, client };
}
