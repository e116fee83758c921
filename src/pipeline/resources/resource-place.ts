import { GatewayError } from "../../errors/gateway-error.ts";
import type { ResourceKind } from "../../providers/provider.ts";
import { findProvider } from "../../providers/registry.ts";
import { upstreamModel } from "../../routing/match-model.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import type { StoredResource } from "../../store/resources/resources.ts";
import type { Gateway } from "../gateway.ts";
import type { RequestContext } from "../request-context.ts";
import type { ProviderPlace } from "./provider-call.ts";
import type { ResourceTargets } from "./resource-targets.ts";

/** Who keeps an object, or is to keep it. */
export interface ResourcePlace extends ProviderPlace {
  /** Undefined where the provider was addressed by its name: then its ids are the callers' ids. */
  readonly deploymentId: string | undefined;
  /** The model group that chose the deployment. */
  readonly model: string | undefined;
}

/** A deployment of a model, by weight among those that work and whose provider has such objects. */
export function placeOfModel(
  gateway: Gateway,
  { snapshot, principal }: RequestContext,
  model: string,
  kind: ResourceKind,
): ResourcePlace | undefined {
  const resolved = gateway.router.of(snapshot).resolve(model, principal.teamId);
  if (resolved === undefined) return undefined;
  const able = resolved.group.candidates.filter(
    ({ deployment }) => findProvider(deployment.provider)?.resources?.kinds.includes(kind) === true,
  );
  const working = able.filter(({ state }) => state.cooldown === undefined);
  const chosen = byWeight(
    (working.length > 0 ? working : able).map(({ deployment }) => deployment),
    gateway.random(),
  );
  return chosen === undefined ? undefined : placeOfDeployment(chosen, model);
}

function placeOfDeployment(deployment: Deployment, model: string | undefined): ResourcePlace | undefined {
  const provider = findProvider(deployment.provider);
  return provider === undefined ? undefined : { provider, deployment, deploymentId: deployment.id, model };
}

function byWeight(deployments: readonly Deployment[], random: number): Deployment | undefined {
  const total = deployments.reduce((sum, { settings }) => sum + (settings.weight ?? 1), 0);
  let left = random * total;
  for (const deployment of deployments) {
    left -= deployment.settings.weight ?? 1;
    if (left < 0) return deployment;
  }
  return deployments.at(-1);
}

/** Where an object is kept; of a file's copies, the one that was made for the model. */
export function placeOfResource(
  targets: ResourceTargets,
  { snapshot }: RequestContext,
  resource: StoredResource,
  kind: ResourceKind,
  model: string | undefined,
): ResourcePlace {
  const copy = model === undefined ? undefined : resource.facts.copies?.find((one) => one.model === model);
  const deploymentId = copy?.deploymentId ?? resource.deploymentId;
  if (deploymentId === undefined) {
    return { ...targets.find(snapshot, resource.provider, kind), deploymentId: undefined, model: undefined };
  }
  const deployment = snapshot.deploymentsById.get(deploymentId);
  const place = deployment === undefined ? undefined : placeOfDeployment(deployment, copy?.model ?? resource.model);
  if (place !== undefined) return place;
  throw new GatewayError("not_found", `The deployment that keeps '${resource.id}' is no longer configured.`);
}

/** What an object is called where a request goes. Throws the caller's refusal where it is kept elsewhere. */
export function upstreamIdAt(resource: StoredResource, place: ResourcePlace): string {
  if (resource.deploymentId === place.deploymentId && resource.provider === place.provider.id)
    return resource.upstreamId;
  const copy = resource.facts.copies?.find(({ deploymentId }) => deploymentId === place.deploymentId);
  if (copy !== undefined) return copy.upstreamId;
  throw new GatewayError(
    "invalid_request",
    `'${resource.id}' is kept by another provider or deployment than the one that this request goes to.`,
  );
}

/** The name of a model at a deployment; undefined where the deployment does not serve it. */
export function modelAt(
  gateway: Gateway,
  context: RequestContext,
  place: ResourcePlace,
  model: string,
): string | undefined {
  const { deployment } = place;
  const match = gateway.router.of(context.snapshot).resolve(model, context.principal.teamId)?.match;
  if (match?.deployments.some(({ id }) => id === deployment.id) === true) {
    return upstreamModel(deployment, match.captured, model);
  }
  return model === deployment.upstreamModel ? model : undefined;
}
