import type { Deployment } from "../snapshot/snapshot.ts";
import type { DeploymentState } from "./deployment-state.ts";
import type { SpendWindow } from "./spend-window.ts";

/** A deployment among those of its group: its figures, worked out once, beside what is known of it now. */
export interface Candidate {
  readonly deployment: Deployment;
  readonly state: DeploymentState;
  readonly weight: number | undefined;
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
  readonly itpm: number | undefined;
  readonly otpm: number | undefined;
  /** Calls at a time; undefined: as many as come. */
  readonly maxParallel: number | undefined;
  readonly order: number;
  readonly tags: ReadonlySet<string>;
  readonly tagPatterns: readonly RegExp[];
  readonly teamId: string | undefined;
  readonly region: string | undefined;
  /** Those of its provider and its own. */
  readonly budgets: readonly SpendWindow[];
  /** Dollars for one token in and one out, for comparing only. */
  readonly price: number;
}
