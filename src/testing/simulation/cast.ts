import type { Invalidation } from "../../cluster/membership.js";
import { DEFAULT_CACHE_TTL_MS } from "../../options.js";
import type { History } from "../history.js";
import { Player } from "./player.js";
import type { ProcessChange } from "./steps.js";
import type { SimulatedWorld } from "./world.js";

/** Who plays in a simulated history. */
export interface CastOptions {
  readonly world: SimulatedWorld;
  readonly history: History;
  /** How each node hears of changes. Default: by broadcast. */
  readonly invalidation: readonly Invalidation[];
  readonly maxSessionsPerUser: number | undefined;
  readonly maxStalenessMs: number;
  readonly commandTimeoutMs: number;
}

/** The places that are taken from the beginning, and the one of a node that joins. */
const NAMES = ["A", "B", "C", "D"];
export const NODES = 3;
/** One of the nodes reads again what is in use; not so soon that nothing could be older than the bound. */
const REFRESHING = 2;
const SHORT_CACHE_TTL_MS = 700;
/** How long a process that leaves has to say goodbye before it is ended. */
const GRACE_MS = 1_000;

/** The nodes of a simulated history. A place is taken by one process after the other: each is a node of its own, which knows nothing. */
export class Cast {
  readonly #options: CastOptions;
  readonly #places: (Player | undefined)[] = NAMES.map(() => undefined);
  readonly #count = NAMES.map(() => 0);

  constructor(options: CastOptions) {
    this.#options = options;
    for (let place = 0; place < NODES; place++) this.#begin(place);
  }

  /** Who plays there now, if anybody does. */
  at(place: number): Player | undefined {
    return this.#places[place];
  }

  get players(): readonly Player[] {
    return this.#places.filter((player) => player !== undefined);
  }

  /** A process ends, leaves or joins. */
  change(place: number, change: ProcessChange): void {
    const { world, history } = this.#options;
    const player = this.#places[place];
    if (change.kind === "join") {
      if (player === undefined) this.#begin(place);
      return;
    }
    if (player === undefined) return;
    const end = () => {
      if (this.#places[place] !== player) return;
      history.forgot();
      world.fault({ kind: "crash", node: player.node });
      this.#places[place] = undefined;
      world.at(world.nowMs + change.backAfterMs, () => this.change(place, { kind: "join" }));
    };
    if (change.kind === "crash") end();
    else {
      player.node.note("leaves");
      void player.node.perform(() => player.store.close()).then(end);
      world.at(world.nowMs + GRACE_MS, end);
    }
  }

  #begin(place: number): void {
    const { world, invalidation, maxSessionsPerUser, maxStalenessMs, commandTimeoutMs } = this.#options;
    const count = this.#count[place] ?? 0;
    this.#count[place] = count + 1;
    const name = `${NAMES[place]}${count === 0 ? "" : count + 1}`;
    const player = new Player(world, world.node(name, { resendsUnanswered: place % 2 === 1 }), {
      invalidation: invalidation[place] ?? "broadcast",
      cacheTtlMs:
        place === REFRESHING ? SHORT_CACHE_TTL_MS : Math.max(DEFAULT_CACHE_TTL_MS, 2 * maxStalenessMs),
      maxSessionsPerUser,
      maxStalenessMs,
      commandTimeoutMs,
    });
    this.#places[place] = player;
    void player.start();
  }
}
