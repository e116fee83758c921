import { asArray, asNumber, asObject, asString, type JsonObject, parseJson } from "../json/json.ts";

/** What a key, its team and its project say of every request, beside who it is and what it may spend. */
export interface CallerRules {
  /** Every request has them, for limits, routing and the ledger. */
  readonly tags: readonly string[];
  /** Names by which models are called → the models that are meant. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Members that a request must have; `metadata.project` is the member of a member. */
  readonly enforcedParams: readonly string[];
  /** Output that is reserved for a call that sets no bound itself, in tokens. */
  readonly estimatedOutput: number | undefined;
  readonly estimatedOutputPerModel: Readonly<Record<string, number>>;
  /** The members of `cache` that a request may use; undefined for all. */
  readonly cacheControls: readonly string[] | undefined;
  /** Routes of providers' own APIs that may not be called. */
  readonly deniedRoutes: readonly string[];
  /** The key is a service account's: its requests must have what the configuration wants of those. */
  readonly serviceAccount: boolean;
  /** Tag → requests per minute that the key may make with it. */
  readonly tagRpm: Readonly<Record<string, number>>;
}

/** `settings` and `metadata` of a row. */
export interface RuleSource {
  readonly settings: JsonObject;
  readonly metadata: JsonObject;
}

/** What a row says of requests. */
export function ruleSource(
  row: { readonly settings: string; readonly metadata: string } | undefined,
): RuleSource | undefined {
  if (row === undefined) return undefined;
  return { settings: asObject(parseJson(row.settings)) ?? {}, metadata: asObject(parseJson(row.metadata)) ?? {} };
}

/** The key's own rules win over its team's. Undefined where there are none. */
export function callerRules(rows: {
  readonly key?: RuleSource | undefined;
  readonly team?: RuleSource | undefined;
  readonly project?: RuleSource | undefined;
}): CallerRules | undefined {
  const { key, team, project } = rows;
  const sources = [key, project, team].filter((source) => source !== undefined);
  const lists = (name: string): string[] => [
    ...new Set(sources.flatMap(({ settings, metadata }) => [...names(settings[name]), ...names(metadata[name])])),
  ];
  const cacheControls = names(key?.settings.allowed_cache_controls);
  const first = (name: string): number | undefined =>
    sources
      .map(({ settings, metadata }) => asNumber(settings[name] ?? metadata[name]))
      .find((one) => one !== undefined);
  const rules: CallerRules = {
    tags: lists("tags"),
    aliases: new Map([...aliasesOf(team?.settings.model_aliases), ...aliasesOf(key?.settings.aliases)]),
    enforcedParams: lists("enforced_params"),
    estimatedOutput: first("default_estimated_output_tokens"),
    estimatedOutputPerModel: {
      ...countsOf(team?.settings.default_estimated_output_tokens_per_model),
      ...countsOf(key?.settings.default_estimated_output_tokens_per_model),
    },
    cacheControls: cacheControls.length === 0 ? undefined : cacheControls,
    deniedRoutes: lists("denied_passthrough_routes"),
    tagRpm: countsOf(key?.settings.tag_rpm_limit),
    serviceAccount: key?.metadata.service_account_id !== undefined,
  };
  return isEmpty(rules) ? undefined : rules;
}

function isEmpty(rules: CallerRules): boolean {
  return (
    !rules.serviceAccount &&
    rules.tags.length + rules.aliases.size + rules.enforcedParams.length + rules.deniedRoutes.length === 0 &&
    rules.estimatedOutput === undefined &&
    rules.cacheControls === undefined &&
    Object.keys(rules.estimatedOutputPerModel).length + Object.keys(rules.tagRpm).length === 0
  );
}

function names(value: unknown): string[] {
  return asArray(value).filter((item): item is string => typeof item === "string");
}

function aliasesOf(value: unknown): [string, string][] {
  return Object.entries(asObject(value) ?? {}).flatMap(([name, model]): [string, string][] => {
    const text = asString(model);
    return text === undefined ? [] : [[name, text]];
  });
}

function countsOf(value: unknown): Record<string, number> {
  return Object.fromEntries(
    Object.entries(asObject(value) ?? {}).flatMap(([name, count]): [string, number][] => {
      const number = asNumber(count);
      return number === undefined ? [] : [[name, number]];
    }),
  );
}
