import type { DeferredCosts } from "../../store/resources/deferred-costs.ts";
import type { Resources } from "../../store/resources/resources.ts";
import type { ResourceTargets } from "./resource-targets.ts";

/** Where it is kept what providers keep, and for whom. */
export interface ResourceKeeping {
  readonly resources: Resources;
  readonly deferred: DeferredCosts;
  readonly targets: ResourceTargets;
  /** Looks now whether a job is done: somebody has just seen that it is. */
  lookAt(jobId: string): void;
}
