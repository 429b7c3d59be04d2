export {
  type AdapterSuiteOptions,
  adapterSuite,
  type ClusterNeeds,
  type Refusal,
  type Site,
  type SiteAnswer,
  type SiteCluster,
  type SiteOptions,
  type SiteRoutes,
  type SiteSession,
} from "./adapter-suite.js";
export type { ContractCase } from "./contract-case.js";
export { type ExpressStoreContractOptions, expressStoreContract } from "./express-contract.js";
export { History, type HistoryData, type HistoryOptions, type Span, type Violation } from "./history.js";
export { ManualClock } from "./manual-clock.js";
export { type PredictedLoad, predictLoad } from "./scale/cost-model.js";
export type { ScaleSample } from "./scale/meter.js";
export type { ScaleEvent, ScaleLoad, ScaleOptions } from "./scale/options.js";
export type { StalenessReport } from "./scale/staleness.js";
export { type ScaleResult, simulateScale } from "./scale.js";
export { SimulatedRedis, type SimulatedRedisOptions } from "./simulated-redis.js";
export type { Fault } from "./simulation/faults.js";
export type { Act, PlannedAct, PlannedFault, Step } from "./simulation/plan.js";
export { SeededRandom } from "./simulation/random.js";
export { SimulatedWorld, type SimulatedWorldOptions } from "./simulation/world.js";
export {
  reportOf,
  SIMULATED_BOUND_MS,
  type SimulationOptions,
  type SimulationResult,
  shrink,
  simulate,
} from "./simulation.js";
export type { MakeStoreOptions } from "./store-contract/scenario.js";
export { type SessionStoreContractOptions, sessionStoreContract } from "./store-contract.js";
export { type Direction, TcpProxy, type TcpProxyOptions } from "./tcp-proxy.js";
