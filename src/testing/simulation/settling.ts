import { pause } from "../../clock.js";
import type { History } from "../history.js";
import type { Player } from "./player.js";
import type { Step } from "./steps.js";
import type { SimulatedWorld } from "./world.js";

/** What is looked at when all is well again. */
export interface Settling {
  readonly world: SimulatedWorld;
  readonly players: readonly Player[];
  readonly history: History;
  readonly plan: readonly Step[];
  readonly maxSessionsPerUser: number | undefined;
}

/** How often something is tried when all is well again, and how long after the last time. */
const ATTEMPTS = 20;
const BETWEEN_MS = 50;

/** When all is well again: what was deleted is gone, on every node and in Redis; what nobody ended is there; and every user can log in. */
export async function settle(settling: Settling): Promise<void> {
  const { world, players, history, plan } = settling;
  const acts = plan.flatMap((step) => ("fault" in step ? [] : [step]));
  const ids = new Set(acts.map(({ id }) => id).filter((id) => id !== ""));
  for (const player of players) {
    const read = (id: string) => persistently(player, () => player.store.get(id, { consistency: "strong" }));
    const sessions = await world.settle(player.node.perform(() => Promise.all([...ids].map(read))));
    for (const [n, id] of [...ids].entries()) history.settled(id, sessions[n]?.id === id, world.nowMs);
  }
  const users = new Set(acts.flatMap(({ user }) => (user === undefined ? [] : [user])));
  for (const user of users) for (const player of players) await logIn(settling, player, user);
}

/** However often a user was revoked, and whatever the server has lost since: a new session of theirs is one, on every node. */
async function logIn(settling: Settling, player: Player, user: string): Promise<void> {
  const { world, players, history, maxSessionsPerUser = Number.POSITIVE_INFINITY } = settling;
  let attempts = 0;
  let id = "";
  // each attempt is another login, until one has ended the sessions that are too many: a login stands also where that failed
  const add = async () => {
    id = `${user}.last.${player.node.name}.${++attempts}`;
    let failure: unknown;
    const note = (_user: string, error: unknown) => {
      failure = error;
    };
    player.store.on("limit-failed", note);
    await player.store.add(id, { n: 0 }, { user }).finally(() => player.store.off("limit-failed", note));
    if (failure !== undefined) throw failure;
  };
  await world.settle(player.node.perform(() => persistently(player, add)));
  const look = async (other: Player) => {
    const { node, store } = other;
    const session = await node.perform(() => persistently(other, () => store.get(id)));
    if (session === undefined)
      history.unsettled(user, world.nowMs, `their new session is none on ${node.name}`);
    const listed = await node.perform(() => persistently(other, () => collect(store.sessionsOf(user))));
    if (!listed.some((one) => one.id === id)) {
      history.unsettled(user, world.nowMs, `their new session is not listed on ${node.name}`);
    }
    if (listed.length > maxSessionsPerUser) {
      history.unsettled(user, world.nowMs, `${listed.length} sessions are listed on ${node.name}`);
    }
  };
  await world.settle(Promise.all(players.map(look)));
}

/** A slow network makes a command too slow now and then, but not each time; nor does a circuit breaker stay open. */
async function persistently<R>({ node }: Player, task: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await pause(node.clock, BETWEEN_MS);
    }
  }
}

async function collect<I>(items: AsyncIterable<I>): Promise<I[]> {
  const all: I[] = [];
  for await (const item of items) all.push(item);
  return all;
}
