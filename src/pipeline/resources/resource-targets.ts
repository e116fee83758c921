import { GatewayError } from "../../errors/gateway-error.ts";
import { asString, type JsonObject } from "../../json/json.ts";
import { isConfigureProblem, type Provider, type ResourceKind } from "../../providers/provider.ts";
import { allProviders, findProvider } from "../../providers/registry.ts";
import type { Deployment, Snapshot } from "../../snapshot/snapshot.ts";
import {
  type PassThroughTarget,
  type PassThroughTargets,
  passThroughDeployment,
} from "../pass-through/pass-through-targets.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Finds the credential for what a provider keeps, where the provider is addressed by its name. */
export class ResourceTargets {
  readonly #environment: Environment;
  readonly #readFile: (path: string) => string | undefined;
  readonly #others: PassThroughTargets;
  readonly #configured = new WeakMap<JsonObject, Deployment>();

  constructor(environment: Environment, readFile: (path: string) => string | undefined, others: PassThroughTargets) {
    this.#environment = environment;
    this.#readFile = readFile;
    this.#others = others;
  }

  /**
   * The configuration's settings for the kind; else a deployment marked `use_in_pass_through`; else the environment.
   * Throws the caller's refusal.
   */
  find(snapshot: Snapshot, name: string, kind: ResourceKind): PassThroughTarget {
    const provider = providerWith(name, kind);
    const settings = settingsFor(snapshot, kind).find(
      (entry) => findProvider(asString(entry.custom_llm_provider) ?? "") === provider,
    );
    if (settings !== undefined) return { deployment: this.#ofSettings(provider, settings), provider };
    const place = {
      prefix: provider.id,
      provider: provider.id,
      label: provider.label,
      errorFormat: "openai-chat",
    } as const;
    return this.#others.find(snapshot, place, "", undefined);
  }

  #ofSettings(provider: Provider, settings: JsonObject): Deployment {
    const known = this.#configured.get(settings);
    if (known !== undefined) return known;
    const target = provider.configure({
      params: settings,
      model: "",
      environment: this.#environment,
      readFile: this.#readFile,
    });
    if (isConfigureProblem(target)) throw new GatewayError("service_unavailable", target.message);
    const deployment = passThroughDeployment(`${provider.id} settings`, provider.id, target);
    this.#configured.set(settings, deployment);
    return deployment;
  }
}

/** The provider of that name. Throws the caller's refusal where there is none, or it has no such objects. */
export function providerWith(name: string, kind: ResourceKind): Provider {
  const provider = findProvider(name);
  if (provider?.resources?.kinds.includes(kind) === true) return provider;
  const able = allProviders().filter(({ resources }) => resources?.kinds.includes(kind) === true);
  throw new GatewayError(
    "invalid_request",
    `${provider === undefined ? `'${name}' is no provider` : `${provider.label} has no ${kind} in OpenAI's form`}. ` +
      `Providers with ${kind}: ${able.map(({ id }) => id).join(", ")}.`,
    { param: "custom_llm_provider" },
  );
}

/** Own settings first, then those for files. */
export function settingsFor({ resources }: Snapshot, kind: ResourceKind): readonly JsonObject[] {
  const { files, fineTuning, assistants, vectorStores } = resources;
  if (kind === "fine-tuning") return [...fineTuning, ...files];
  if (kind === "assistants") return assistants === undefined ? files : [assistants, ...files];
  // A store of the registry may have a credential of its own.
  if (kind === "vector-stores") return [...vectorStores.filter(({ api_key: key }) => key !== undefined), ...files];
  return files;
}

/** The provider that is meant where nobody names one. */
export function usualProvider(snapshot: Snapshot, kind: ResourceKind): string {
  if (kind === "message-batches") return "anthropic";
  if (kind === "assistants") return asString(snapshot.resources.assistants?.custom_llm_provider) ?? "openai";
  return "openai";
}
