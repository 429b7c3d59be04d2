import type { SourceModule } from "./source.js";

/** A part of `src/`. It may import from itself and from the layers before it, and nothing else of ours. */
interface Layer {
  readonly name: string;
  /** The modules that belong to it. */
  readonly holds: RegExp;
  /** The packages that it may import beside Node's own modules. */
  readonly packages: readonly string[];
}

const CORE: readonly Layer[] = [
  { name: "foundation", holds: /^src\/(clock|errors|events|options)\.ts$/, packages: [] },
  { name: "session", holds: /^src\/session\//, packages: [] },
  { name: "cache", holds: /^src\/cache\//, packages: ["lru-cache"] },
  { name: "redis", holds: /^src\/redis\//, packages: [] },
  { name: "cluster", holds: /^src\/cluster\//, packages: [] },
  { name: "stores", holds: /^src\/stores\//, packages: [] },
];

/** They may import the core, and nothing imports them, not even one another. */
const EDGES: readonly Layer[] = [
  { name: "index", holds: /^src\/index\.ts$/, packages: [] },
  { name: "adapters", holds: /^src\/adapters\//, packages: ["express-session"] },
  { name: "cli", holds: /^src\/cli\//, packages: ["ioredis", "redis"] },
  { name: "testing", holds: /^src\/testing\//, packages: [] },
];

/** Modules that are known inside their own folder only: the rest of the core talks to Redis through `RedisPort`. */
const PRIVATE = ["src/redis/node-redis.ts", "src/redis/ioredis.ts"];

/** What is wrong with the imports of these modules, one sentence each. */
export function layeringViolations(modules: readonly SourceModule[]): string[] {
  return [...modules.flatMap(violationsOf), ...cycles(modules)];
}

function violationsOf({ path, imports, hasUnnamedExports }: SourceModule): string[] {
  const layer = layerOf(path);
  if (layer === undefined) return [`${path} belongs to no layer`];
  const violations = imports
    .filter((target) => !mayImport(layer, target))
    .map((target) => `${path} (${layer.name}) must not import ${target}`);
  return hasUnnamedExports ? [...violations, `${path} has an export without a name`] : violations;
}

function mayImport(layer: Layer, target: string): boolean {
  if (target.startsWith("node:")) return true;
  if (!target.startsWith("src/")) return layer.packages.includes(target);
  const targetLayer = layerOf(target);
  if (targetLayer === layer) return true;
  if (targetLayer === undefined || PRIVATE.includes(target)) return false;
  const rank = CORE.indexOf(targetLayer);
  return rank !== -1 && (EDGES.includes(layer) || rank < CORE.indexOf(layer));
}

function layerOf(path: string): Layer | undefined {
  return [...CORE, ...EDGES].find(({ holds }) => holds.test(path));
}

/** The circles of modules that import one another, types included, each found once. */
function cycles(modules: readonly SourceModule[]): string[] {
  const importsOf = new Map(modules.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) found.push(`circular: ${[...trail.slice(start), path].join(" → ")}`);
    if (start !== -1 || done.has(path)) return;
    for (const target of importsOf.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of modules) visit(path, []);
  return found;
}

/** The modules that no entry of the package leads to. */
export function unreachableModules(modules: readonly SourceModule[], entries: readonly string[]): string[] {
  const importsOf = new Map(modules.map(({ path, imports }) => [path, imports]));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    importsOf.get(path)?.forEach(visit);
  };
  entries.forEach(visit);
  return modules.map(({ path }) => path).filter((path) => !reached.has(path));
}
