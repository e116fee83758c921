import { GatewayError } from "../../errors/gateway-error.ts";
import { priceSheet } from "../../pricing/price-sheet.ts";
import { isConfigureProblem, type Provider } from "../../providers/provider.ts";
import { findProvider } from "../../providers/registry.ts";
import type { Deployment, Snapshot, Target } from "../../snapshot/snapshot.ts";
import type { NamedModel } from "./pass-through-model.ts";
import type { Place } from "./places.ts";

/** Where a request to a provider's own API goes, and as whom. */
export interface PassThroughTarget {
  readonly deployment: Deployment;
  readonly provider: Provider;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Credentials come from the environment, once for each place (and project and region, where its path names them). */
const MOST_TARGETS = 1000;

/** Finds the credential for a provider's own API. */
export class PassThroughTargets {
  readonly #environment: Environment;
  readonly #readFile: (path: string) => string | undefined;
  #targets = new Map<string, PassThroughTarget>();

  constructor(environment: Environment, readFile: (path: string) => string | undefined) {
    this.#environment = environment;
    this.#readFile = readFile;
  }

  /**
   * A deployment of the model that the request names; else one marked `use_in_pass_through`; else the environment.
   * Throws GatewayError("service_unavailable") that says which credential is missing.
   */
  find(snapshot: Snapshot, place: Place, path: string, model: NamedModel | undefined): PassThroughTarget {
    const provider = place.provider === undefined ? undefined : findProvider(place.provider);
    if (provider !== undefined) {
      const deployment = configured(snapshot, provider, model?.name) ?? lent(snapshot, provider);
      if (deployment !== undefined) return { deployment, provider };
    }
    const params = place.params?.(path) ?? {};
    const key = `${place.prefix}\n${JSON.stringify(params)}`;
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = provider === undefined ? this.#service(place) : this.#ofEnvironment(place, provider, params);
      if (this.#targets.size >= MOST_TARGETS) this.#targets = new Map();
      this.#targets.set(key, target);
    }
    return target;
  }

  #ofEnvironment(
    place: Place,
    provider: Provider,
    params: ReturnType<NonNullable<Place["params"]>>,
  ): PassThroughTarget {
    const target = provider.configure({ params, model: "", environment: this.#environment, readFile: this.#readFile });
    if (isConfigureProblem(target)) throw missing(place, target.message);
    return { deployment: passThroughDeployment(place.prefix, provider.id, target), provider };
  }

  #service(place: Place): PassThroughTarget {
    const found = place.service?.(this.#environment);
    if (found === undefined || "missing" in found) {
      throw missing(place, `${place.label} has no credential: set ${found?.missing ?? "its key"} in the environment.`);
    }
    const target = { base: found.base, headers: found.headers, credentials: {} };
    return { deployment: passThroughDeployment(place.prefix, place.prefix, target), provider: serviceProvider(place) };
  }
}

function missing(place: Place, message: string): GatewayError {
  return new GatewayError(
    "service_unavailable",
    `${message} Or mark a deployment of ${place.label} with use_in_pass_through.`,
  );
}

/** One of the deployments that serve the model as this provider, at random by their weights. */
function configured(snapshot: Snapshot, provider: Provider, model: string | undefined): Deployment | undefined {
  if (model === undefined) return undefined;
  const name = snapshot.aliases.get(model)?.model ?? model;
  const own = (snapshot.groups.get(name) ?? []).filter((deployment) => deployment.provider === provider.id);
  const total = own.reduce((sum, { settings }) => sum + (settings.weight ?? 1), 0);
  let left = Math.random() * total;
  for (const deployment of own) {
    left -= deployment.settings.weight ?? 1;
    if (left < 0) return deployment;
  }
  return own.at(-1);
}

function lent(snapshot: Snapshot, provider: Provider): Deployment | undefined {
  for (const deployment of snapshot.deploymentsById.values()) {
    if (deployment.provider === provider.id && deployment.settings.useInPassThrough === true) {
      return { ...deployment, upstreamModel: "*", prices: undefined };
    }
  }
  return undefined;
}

/** A deployment of whatever model a request names; its prices are those of that model. */
export function passThroughDeployment(
  name: string,
  provider: string,
  target: Target,
  costPerRequest?: number | string,
): Deployment {
  const fixed =
    costPerRequest === undefined
      ? undefined
      : priceSheet({ name, overrides: { input_cost_per_request: costPerRequest } });
  return {
    id: `pass-through:${name}`,
    modelName: name,
    provider,
    litellmModel: `${provider}/*`,
    upstreamModel: "*",
    target,
    settings: { extraHeaders: {} },
    defaults: {},
    info: {},
    facts: { supports: {} },
    prices: fixed,
    source: { file: "", line: 0, column: 0 },
  };
}

/** A service that serves no models, in the shape of a provider. */
export function serviceProvider({ prefix, label }: Pick<Place, "prefix" | "label">): Provider {
  return {
    id: prefix,
    label,
    documentation: { url: "", read: "" },
    owner: "openai",
    environment: { key: [], base: [] },
    key: "none",
    endpoints: {},
    configure: () => ({ base: "", headers: {}, credentials: {} }),
  };
}
