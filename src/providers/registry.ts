import { closest } from "./closest.ts";
import type { Provider } from "./provider.ts";
import { PROVIDERS } from "./provider-list.ts";

const byId = new Map<string, Provider>();
for (const provider of PROVIDERS) {
  for (const name of [provider.id, ...(provider.aliases ?? [])]) {
    if (byId.has(name)) throw new Error(`Two providers are called ${name}.`);
    byId.set(name, provider);
  }
}

/** Every provider once, in the order of the registry. */
export function allProviders(): readonly Provider[] {
  return PROVIDERS;
}

/** The provider of LiteLLM's prefix or of one of its aliases. */
export function findProvider(id: string): Provider | undefined {
  return byId.get(id);
}

/** Every prefix, aliases included. */
export function providerNames(): readonly string[] {
  return [...byId.keys()];
}

export interface ResolveModelInput {
  /** `litellm_params.model`. */
  readonly model: string;
  /** `custom_llm_provider`: wins over the prefix. */
  readonly customLlmProvider?: string | undefined;
  readonly apiBase?: string | undefined;
  /** The `litellm_provider` of a bare model name, from the catalogue. */
  readonly catalogueProvider?: (name: string) => string | undefined;
}

export interface ResolvedModel {
  readonly provider: Provider;
  /** The name without the provider's prefix. */
  readonly model: string;
}

export interface UnresolvedModel {
  readonly problem: string;
  /** A provider whose name is nearly the one that was written. */
  readonly suggestion?: string;
}

/** Finds the provider of a model string: explicit provider, prefix, address, name, in this order. */
export function resolveModel(input: ResolveModelInput): ResolvedModel | UnresolvedModel {
  const { model, customLlmProvider, apiBase } = input;
  const slash = model.indexOf("/");
  const prefix = slash < 0 ? undefined : model.slice(0, slash);
  if (customLlmProvider !== undefined && customLlmProvider !== "") {
    const provider = findProvider(customLlmProvider);
    if (provider === undefined) return unknownProvider(customLlmProvider, model);
    const doubled = prefix !== undefined && findProvider(prefix) === provider;
    return { provider, model: doubled ? model.slice(slash + 1) : model };
  }
  const named = prefix === undefined ? undefined : findProvider(prefix);
  if (named !== undefined) return redirect(named, model.slice(slash + 1), prefix as string);
  const hosted = apiBase === undefined ? undefined : providerOfBase(apiBase);
  if (hosted !== undefined) return { provider: hosted, model };
  const known = providerOfName(model, input.catalogueProvider);
  if (known !== undefined) return { provider: known, model };
  return prefix === undefined ? missingProvider(model) : unknownProvider(prefix, model);
}

/** Names under a prefix that mean another provider. */
function redirect(provider: Provider, model: string, prefix: string): ResolvedModel {
  const other = (id: string): Provider => findProvider(id) ?? provider;
  if (provider.id === "cohere" && /^command-(r|a)/.test(model)) return { provider: other("cohere_chat"), model };
  // Mistral and Cohere behind Azure's serverless endpoints speak plain OpenAI, without deployment paths.
  if (provider.id === "azure" && /^(mistral-|command-r-plus)/.test(model)) return { provider: other("openai"), model };
  if (prefix === "ai21" && model.startsWith("jamba")) return { provider: other("ai21_chat"), model };
  return { provider, model };
}

/** The provider whose host the base names; a bare address of a stranger names nobody. */
export function providerOfBase(apiBase: string): Provider | undefined {
  if (!URL.canParse(apiBase)) return undefined;
  const host = new URL(apiBase).host;
  return allProviders().find((provider) => provider.hosts?.includes(host) === true);
}

/** The catalogue's families of one provider (`vertex_ai-anthropic_models`, `bedrock_converse`) → the provider. */
function providerOfCatalogue(name: string): Provider | undefined {
  if (name.startsWith("vertex_ai")) return findProvider("vertex_ai");
  if (name.startsWith("bedrock_converse")) return findProvider("bedrock");
  if (name.startsWith("fireworks_ai")) return findProvider("fireworks_ai");
  return findProvider(name);
}

/** Names that are told by their form, for models that no catalogue has yet. */
const NAME_FORMS: readonly (readonly [RegExp, string])[] = [
  [/^\*$/, "openai"],
  [/^ft:gpt-|^(gpt-|chatgpt-|o[1-9](-|$)|text-embedding-|dall-e-|whisper-1$|tts-1|omni-moderation-)/, "openai"],
  [/^claude-/, "anthropic"],
  // A bare Gemini name means Vertex; AI Studio has its own prefix.
  [/^gemini-/, "vertex_ai"],
  [/^(anthropic|amazon|meta|cohere|mistral|ai21|(us|eu|apac|global)\.[a-z0-9]+)\.[^/]+$/, "bedrock"],
  [/^[^/]+\/[^/:]+:[0-9a-f]{64}$/, "replicate"],
  [/^command(-|$)/, "cohere_chat"],
  [/^(embed|rerank)-(english|multilingual|v)/, "cohere"],
  [/^jamba-/, "ai21_chat"],
];

function providerOfName(model: string, catalogue: ResolveModelInput["catalogueProvider"]): Provider | undefined {
  const listed = catalogue?.(model);
  const found = listed === undefined ? undefined : providerOfCatalogue(listed);
  if (found !== undefined) return found;
  const form = NAME_FORMS.find(([pattern]) => pattern.test(model));
  return form === undefined ? undefined : findProvider(form[1]);
}

function missingProvider(model: string): UnresolvedModel {
  return {
    problem: `LLM Provider NOT provided. Write the model with its provider in front, such as openai/${model}; the name ${JSON.stringify(model)} alone says no provider.`,
  };
}

function unknownProvider(name: string, model: string): UnresolvedModel {
  const suggestion = closest(name, providerNames());
  const hint = suggestion === undefined ? "" : ` Did you mean ${suggestion}?`;
  return {
    problem: `LLM Provider NOT provided. ${JSON.stringify(name)} is no known provider (model ${JSON.stringify(model)}).${hint}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}
