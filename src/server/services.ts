import type { Authenticator } from "../auth/authenticator.ts";
import type { Management } from "../management/management.ts";
import type { Gateway } from "../pipeline/gateway.ts";
import type { HealthChecks } from "../pipeline/health-checks.ts";
import type { ResourceKeeping } from "../pipeline/resources/resource-keeping.ts";
import type { TrustedProxies } from "./client-address.ts";
import type { RefusalCounts } from "./refusal-counts.ts";
import type { Route } from "./route.ts";

/** Everything that handlers reach. */
export interface Services extends Gateway {
  readonly authenticator: Authenticator;
  readonly refusals: RefusalCounts;
  readonly proxies: TrustedProxies;
  readonly health: HealthChecks;
  /** What providers keep for callers. */
  readonly resources: ResourceKeeping;
  /** What the management API works on. */
  readonly management: Management;
  /** All routes, for `/routes` and the OpenAPI document. */
  routes(): readonly Route[];
  /** The operator's own route for a path that no other has (`pass_through_endpoints`). */
  declaredRoute(method: string, path: string): Route | undefined;
  /** What is out of order but does not keep known keys from being served. */
  degraded(): readonly string[];
  /** False while journals are being recovered and while shutting down. */
  ready(): boolean;
  /** True once SIGTERM came: every answer then says `Connection: close`. */
  draining(): boolean;
  /** The log level in words, for readiness details. */
  readonly logLevel: string;
}
