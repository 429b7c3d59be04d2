/**
 * How each of three nodes hears of changes, by the name that a command line gives.
 *
 * @type {Readonly<Record<string, readonly import("sessionmesh").Invalidation[] | undefined>>}
 */
export const INVALIDATION = {
  broadcast: ["broadcast", "broadcast", "broadcast"],
  tracking: ["tracking", "tracking", "tracking"],
  mixed: ["tracking", "broadcast", "tracking"],
};
