/** Where a model runs, in front of Bedrock's names: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html (2026-11). */
const BEDROCK_GEOGRAPHY = /^(?:us|eu|apac|au|jp|ca|sa|global|us-gov)\.(?=[a-z0-9]+\.)/;
const BEDROCK_REGION = /^[a-z]{2}(?:-gov)?-[a-z]+-\d\//;
const BEDROCK_ROUTE = /^(?:converse|converse_like|invoke|bedrock_mantle|mantle)\//;
const AZURE_ZONE = /^(?:global-standard|global|eu|us|apac|data-zone)\//;

/** Revisions that share the price of the name they follow. */
const REVISIONS: readonly RegExp[] = [
  /:\d+$/,
  /-v\d+:\d+$/,
  /-\d{3}$/,
  /@\d{8}$/,
  /@latest$/,
  /-\d{4}-\d{2}-\d{2}$/,
  /-latest$/,
];

/** Product lines of a provider that the catalogue names apart. */
const ALSO: ReadonlyMap<string, readonly string[]> = new Map([
  ["openai", ["text-completion-openai"]],
  ["azure", ["azure_text"]],
  ["azure_text", ["azure"]],
  ["bedrock", ["bedrock_converse", "bedrock_mantle"]],
  ["cohere", ["cohere_chat"]],
  ["cohere_chat", ["cohere"]],
  ["codestral", ["text-completion-codestral"]],
  ["vertex_ai_beta", ["vertex_ai"]],
  ["ai21_chat", ["ai21"]],
  ["ollama_chat", ["ollama"]],
  ["sagemaker_chat", ["sagemaker"]],
  ["watsonx_text", ["watsonx"]],
]);

function isLineOf(entryProvider: string, provider: string): boolean {
  return entryProvider === provider || entryProvider.startsWith(`${provider}-`);
}

/** Whether an entry of `entryProvider` speaks for `provider`: `vertex_ai-anthropic_models` for `vertex_ai`. */
export function servesProvider(entryProvider: string, provider: string): boolean {
  if (isLineOf(entryProvider, provider)) return true;
  for (const other of ALSO.get(provider) ?? []) if (isLineOf(entryProvider, other)) return true;
  return false;
}

function withoutPlace(name: string, provider: string): string[] {
  if (provider === "azure" || provider === "azure_ai") return [name.replace(AZURE_ZONE, "")];
  if (!provider.startsWith("bedrock") && provider !== "") return [];
  const routed = name.replace(BEDROCK_ROUTE, "");
  const bare = routed.replace(BEDROCK_REGION, "");
  return [routed, bare, bare.replace(BEDROCK_GEOGRAPHY, "")];
}

function withoutRevision(name: string): string[] {
  const tuned = /^ft:([^:]+):/.exec(name);
  if (tuned !== null) return [`ft:${tuned[1]}`];
  return REVISIONS.map((revision) => name.replace(revision, ""));
}

/** Every catalogue name that may stand for a model, the closest first. */
export function nameVariants(name: string, provider?: string): string[] {
  const slash = name.indexOf("/");
  const owner = provider ?? (slash > 0 ? name.slice(0, slash) : "");
  const prefix = owner === "" ? "" : `${owner}/`;
  const bare = prefix !== "" && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  const places = [bare, ...withoutPlace(bare, owner)];
  const found = new Set<string>();
  const offer = (candidate: string): void => {
    if (candidate === "") return;
    if (prefix !== "") found.add(`${prefix}${candidate}`);
    found.add(candidate);
    for (const other of ALSO.get(owner) ?? []) found.add(`${other}/${candidate}`);
  };
  if (provider === undefined) found.add(name);
  for (const place of places) offer(place);
  for (const place of places) for (const candidate of withoutRevision(place)) offer(candidate);
  return [...found];
}
