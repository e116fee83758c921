import type { KeyDirectory } from "../../auth/key-directory.ts";
import type { Database } from "../../store/database.ts";
import { DeferredCosts } from "../../store/resources/deferred-costs.ts";
import { Resources } from "../../store/resources/resources.ts";
import { JobPoller } from "../deferred-costs/job-poller.ts";
import type { Gateway } from "../gateway.ts";
import type { ResourceKeeping } from "./resource-keeping.ts";
import type { ResourceTargets } from "./resource-targets.ts";

export interface OpenResourcesOptions {
  readonly database: Database;
  readonly targets: ResourceTargets;
  readonly gateway: () => Gateway;
  readonly directory: Pick<KeyDirectory, "find">;
}

export interface OpenResources extends ResourceKeeping {
  /** Begins to look after jobs. */
  start(): void;
  close(): Promise<void>;
}

/** Opens what is known of files, batches … and of jobs that are still to be paid. */
export function openResources({ database, targets, gateway, directory }: OpenResourcesOptions): OpenResources {
  const deferred = new DeferredCosts(database);
  const poller = new JobPoller({
    gateway,
    deferred,
    targets,
    scopesOf: async ({ keyHash, endUser, tags }) => {
      const principal = await directory.find(keyHash);
      const named = await gateway().gate?.namedScopes(endUser, tags ?? []);
      return [...(principal?.grant?.scopes ?? []), ...(named ?? [])];
    },
  });
  return {
    resources: new Resources(database),
    deferred,
    targets,
    lookAt: (jobId) => poller.lookAt(jobId),
    start: () => poller.start(),
    close: () => poller.close(),
  };
}
