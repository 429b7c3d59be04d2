import { SimulatedRedis } from "../simulated-redis.js";
import {
  BOTH_WAYS,
  type Connection,
  type ConnectionKind,
  type ServerAddress,
  type Way,
  type WorldContext,
} from "./connection.js";
import type { WorldNode } from "./node.js";
import { WALL_START_MS } from "./node-clock.js";

/** Which connections of a node, and for how long something lasts. */
interface OnConnections {
  readonly node: WorldNode;
  /** Default: all. */
  readonly connection?: ConnectionKind | undefined;
}

interface OnWays extends OnConnections {
  /** Default: both. */
  readonly ways?: readonly Way[] | undefined;
  readonly forMs: number;
}

/** What may go wrong in a simulated world. It begins now. */
export type Fault =
  /** The connection is lost, and the node hears of it; `delivered`: after what the server had sent. The client reconnects. */
  | ({ readonly kind: "disconnect"; readonly delivered?: boolean | undefined } & OnConnections)
  /** Nothing gets through on the connections that there are, for good; nobody notices before `forMs` are over. */
  | ({ readonly kind: "half-open" } & OnWays)
  /** Nothing gets through, on new connections neither; then all of it arrives. Both kinds and both ways: a partition. */
  | ({ readonly kind: "stall" } & OnWays)
  /** The server drops a subscriber that reads too slowly: what was sent still arrives. */
  | { readonly kind: "drop-subscriber"; readonly node: WorldNode }
  /** The subscription loses messages, and nobody notices: a broken proxy. */
  | { readonly kind: "lose-messages"; readonly node: WorldNode; readonly count: number }
  /** The process stands still, its clock does not: a long collection of garbage, a suspended container. */
  | { readonly kind: "pause"; readonly process: WorldNode | "server"; readonly forMs: number }
  /** The process ends, without a word. */
  | { readonly kind: "crash"; readonly node: WorldNode }
  /** The wall clock of a node is set. */
  | { readonly kind: "step-wall-clock"; readonly node: WorldNode; readonly byMs: number }
  /** The server ends and is back after `downMs`, with its data or without. */
  | { readonly kind: "restart"; readonly data: "kept" | "lost"; readonly downMs: number }
  /** The server loses this key: an eviction policy chose it, or somebody deleted it. */
  | { readonly kind: "lose-key"; readonly key: string }
  /**
   * The server goes back to what it held `lostMs` before, in a history of its own, and no connection notices: a proxy hides that its replica
   * took over.
   */
  | { readonly kind: "switch-over"; readonly lostMs: number }
  /**
   * The replica stops hearing from the master now. `lostMs` later, which is what is lost, the master is given up, and after `downMs` more
   * the replica is promoted. The old master is dead, or it is alive: then it refuses writes, and keeps the connections that it has for
   * `oldMasterMs`.
   */
  | {
      readonly kind: "failover";
      readonly lostMs: number;
      readonly downMs: number;
      readonly oldMasterMs?: number | undefined;
    };

const REPLID_LENGTH = 40;
const BOTH_KINDS: readonly ConnectionKind[] = ["commands", "subscription"];

/** A server whose clock is the one by which the world's time is told. */
export function newServer({ scheduler, random }: WorldContext): SimulatedRedis {
  const clock = { wallNow: () => WALL_START_MS + scheduler.nowMs };
  return new SimulatedRedis({ clock, replid: random.hex(REPLID_LENGTH) });
}

/** Lets something go wrong. */
export function inject(world: WorldContext, address: ServerAddress, fault: Fault): void {
  const after = (ms: number, run: () => void) => void world.scheduler.at(world.scheduler.nowMs + ms, run);
  switch (fault.kind) {
    case "disconnect":
      for (const connection of connectionsOf(fault))
        connection.break("reset", { delivered: fault.delivered === true });
      break;
    case "half-open": {
      const connections = connectionsOf(fault);
      for (const connection of connections) connection.halfOpen(fault.ways ?? BOTH_WAYS);
      after(fault.forMs, () => {
        for (const connection of connections) connection.break("timed out");
      });
      break;
    }
    case "stall":
      stall(fault, after);
      break;
    case "drop-subscriber":
      for (const connection of fault.node.port.connections("subscription")) {
        connection.break("the server closed it", { delivered: true });
      }
      break;
    case "lose-messages":
      for (const connection of fault.node.port.connections("subscription"))
        connection.loseMessages(fault.count);
      break;
    case "pause": {
      const { process } = fault.process === "server" ? address : fault.process;
      world.scheduler.pause(process);
      after(fault.forMs, () => world.scheduler.resume(process));
      break;
    }
    case "crash":
      world.scheduler.kill(fault.node.process);
      for (const connection of fault.node.port.connections("all")) connection.break("its process ended");
      break;
    case "step-wall-clock":
      fault.node.clock.stepWall(fault.byMs);
      break;
    case "restart":
      restart(world, address, fault, after);
      break;
    case "lose-key":
      if (!address.server.readOnly) address.server.execute(["DEL", fault.key]);
      break;
    case "switch-over": {
      const { server } = address;
      const replica = server.snapshot();
      after(fault.lostMs, () => {
        server.restore(replica);
        server.replid = world.random.hex(REPLID_LENGTH);
      });
      break;
    }
    case "failover":
      failover(world, address, fault, after);
      break;
  }
}

type After = (ms: number, run: () => void) => void;
type FaultOf<K extends Fault["kind"]> = Extract<Fault, { kind: K }>;

function connectionsOf({ node, connection = undefined }: OnConnections): Connection[] {
  return node.port.connections(connection ?? "all");
}

function stall({ node, connection, ways = BOTH_WAYS, forMs }: FaultOf<"stall">, after: After): void {
  const kinds = connection === undefined ? BOTH_KINDS : [connection];
  for (const kind of kinds) node.port.stall(kind, ways);
  after(forMs, () => {
    for (const kind of kinds) node.port.release(kind, ways);
  });
}

function restart(
  { random }: WorldContext,
  address: ServerAddress,
  { data, downMs }: FaultOf<"restart">,
  after: After,
): void {
  const { server } = address;
  address.outages++;
  breakAll(address, server);
  server.restart({ replid: random.hex(REPLID_LENGTH), data });
  after(downMs, () => {
    address.outages--;
  });
}

function failover(
  world: WorldContext,
  address: ServerAddress,
  { lostMs, downMs, oldMasterMs }: FaultOf<"failover">,
  after: After,
): void {
  const replica = newServer(world);
  replica.restore(address.server.snapshot());
  after(lostMs, () => {
    const { server: master } = address;
    address.outages++;
    master.readOnly = true;
    after(oldMasterMs ?? 0, () => breakAll(address, master));
    after(downMs, () => {
      address.server = replica;
      address.outages--;
    });
  });
}

/** All that a server was connected to learn that it is gone. */
function breakAll({ connections }: ServerAddress, server: SimulatedRedis): void {
  for (const connection of [...connections]) {
    if (connection.server === server) connection.break("the server is gone");
  }
}
