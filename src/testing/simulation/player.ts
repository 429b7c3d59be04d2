import type { Invalidation } from "../../cluster/membership.js";
import { SessionConflictError, SessionMeshError, SessionRevokedError } from "../../errors.js";
import type { Session } from "../../session/session.js";
import { ClusteredRedisStore } from "../../stores/clustered-redis-store.js";
import type { History, HistoryData, Span } from "../history.js";
import type { Ending } from "../lives.js";
import type { WorldNode } from "./node.js";
import type { PlannedAct } from "./steps.js";
import type { SimulatedWorld } from "./world.js";

/** How the store of a node is made. */
export interface PlayerOptions {
  readonly invalidation: Invalidation;
  readonly cacheTtlMs: number;
  readonly maxSessionsPerUser: number | undefined;
  readonly maxStalenessMs: number;
  readonly commandTimeoutMs: number;
}

type Answer = Session<HistoryData> | undefined;

/** One node, and what its users do with it. */
export class Player {
  readonly node: WorldNode;
  readonly store: ClusteredRedisStore<HistoryData>;
  readonly #world: SimulatedWorld;
  readonly #limitsUsers: boolean;

  constructor(world: SimulatedWorld, node: WorldNode, options: PlayerOptions) {
    const { invalidation, cacheTtlMs, maxSessionsPerUser, maxStalenessMs, commandTimeoutMs } = options;
    this.node = node;
    this.#world = world;
    this.#limitsUsers = maxSessionsPerUser !== undefined;
    this.store = new ClusteredRedisStore<HistoryData>({
      client: node.port,
      clock: node.clock,
      commandTimeoutMs,
      cluster: { nodeId: node.name, maxStalenessMs, invalidation },
      localCache: { maxEntries: 100, ttlMs: cacheTtlMs },
      ...(maxSessionsPerUser !== undefined && { maxSessionsPerUser }),
    });
  }

  /** It goes on trying when it does not succeed. */
  start(): Promise<unknown> {
    return this.node.perform(() => this.store.start().catch(() => {}));
  }

  /** Does one thing, and tells the judge. */
  async play(step: PlannedAct, history: History): Promise<void> {
    const startedAtMs = this.#world.nowMs;
    const span = () => ({ startedAtMs, endedAtMs: this.#world.nowMs });
    const done = await this.node.perform(() => this.#do(step, history, span)).catch(outcomeOf);
    const { what, id, user } = step;
    this.node.note(`${what} ${id || user || "all"}: ${done}`);
  }

  async #do(step: PlannedAct, history: History, span: () => Span): Promise<unknown> {
    const { store } = this;
    const { id, user = "", to = "", graceMs = 0 } = step;
    const answered = (session: Answer, strong = false) => {
      if (session === undefined) {
        history.missed(id, span(), { strong });
        return undefined;
      }
      if (session.id !== id) history.ledOn(id, span(), { strong });
      history.answered(session.id, session.data.n, span(), { strong });
      return session.data.n;
    };
    switch (step.what) {
      case "peek": {
        const session = store.peek(id);
        return session && answered(session);
      }
      case "get":
        return answered(await store.get(id));
      case "read Redis":
        return answered(await store.get(id, { consistency: "strong" }), true);
      case "write": {
        // what a middleware does: no matter what is there. The first write of a session, or one that comes too late
        if (step.late && !history.hasEnded(id, this.#world.nowMs)) return "not yet";
        const granted = history.granting(id, { creates: true });
        await store.set(id, { n: 0 }).catch(refused(granted));
        granted();
        if (step.late) history.changed(id, 0, span());
        else history.created(id, span());
        return 0;
      }
      case "create":
        return this.#create(step, history, span);
      case "update": {
        const granted = history.granting(id);
        const session = await store.update(id, ({ n }) => ({ n: n + 1 })).catch(refused(granted));
        granted();
        if (session) history.changed(session.id, session.data.n, span());
        else history.missed(id, span(), { strong: true });
        return session?.data.n;
      }
      case "touch": {
        const granted = history.granting(id);
        const isThere = await store.touch(id);
        granted();
        if (isThere) history.touched(id, span());
        else history.missed(id, span());
        return isThere;
      }
      case "delete":
        history.ending({ id });
        await store.delete(id);
        history.ended(id, span(), { revoked: false });
        return "deleted";
      case "revoke": {
        history.ending({ id });
        const { acknowledged } = await store.revoke(id);
        history.ended(id, span(), { revoked: true });
        return acknowledged ? "revoked, acknowledged" : "revoked, outlasted";
      }
      case "rotate": {
        history.rotating(id, to);
        const rotated = await store.rotate(id, to, { graceMs });
        if (rotated) history.rotated(id, graceMs, span());
        return rotated ? `rotated to ${to}` : "not there";
      }
      case "revoke user": {
        const { acknowledged } = await this.#sweep({ user }, history, () => store.revokeUser(user));
        history.userEnded(user, span());
        return acknowledged ? "revoked, acknowledged" : "revoked, outlasted";
      }
      case "clear": {
        const cleared = await this.#sweep("all", history, () => store.clear());
        history.cleared(span());
        return cleared;
      }
    }
  }

  async #create(step: PlannedAct, history: History, span: () => Span): Promise<unknown> {
    const { id, user = "", ttlMs, absoluteTtlMs } = step;
    const life = { ...(ttlMs && { ttlMs }), ...(absoluteTtlMs && { absoluteTtlMs }), user };
    const granted = history.granting(id, { creates: true });
    const add = () => this.store.add(id, { n: 0 }, life).catch(refused(granted));
    // one session too many ends others of the user: this one is not judged by whether it is there, then
    await (this.#limitsUsers ? this.#sweep({ user }, history, add) : add());
    granted();
    history.created(id, span(), life);
    return 0;
  }

  async #sweep<R>(what: Ending, history: History, sweep: () => Promise<R>): Promise<R> {
    const swept = history.ending(what);
    const result = await sweep();
    swept(this.#world.nowMs);
    return result;
  }
}

/** A refusal is an answer: nothing was written, and nothing will be. */
function refused(answered: () => void): (error: unknown) => never {
  return (error) => {
    if (error instanceof SessionRevokedError || error instanceof SessionConflictError) answered();
    throw error;
  };
}

/** Redis may be out of reach, others may be faster, a session may be over: these are answers too. Anything else is a defect. */
function outcomeOf(error: unknown): string {
  if (!(error instanceof SessionMeshError)) throw error;
  return error.code;
}
