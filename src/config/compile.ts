import { createHash } from "node:crypto";
import { asArray, asObject, asString, type JsonObject } from "../json/json.ts";
import { type Adjustment, adjustedSheet, costAdjustment } from "../pricing/cost-adjustment.ts";
import { allProviders } from "../providers/registry.ts";
import type { Deployment, Diagnostic, Snapshot, SourceLocation, WildcardGroup } from "../snapshot/snapshot.ts";
import { compileAutoRouters } from "./auto-routers/auto-routers.ts";
import { declaredObjects } from "./declared-objects.ts";
import { readFile } from "./deployment.ts";
import { ConfigError, refusal } from "./diagnostics.ts";
import type { LoadedDocument } from "./load.ts";
import { compileModelList, declaredCredentials } from "./model-list.ts";
import type { Environment } from "./references.ts";
import { aliasesOf, generalSettingsOf, librarySettingsOf, resourceSettingsOf, routerSettingsOf } from "./settings.ts";
import { compileStoredModels, NOTHING_STORED, type StoredConfiguration } from "./stored-models.ts";
import { withStoredSettings } from "./stored-settings.ts";
import { tokenDiagnostics } from "./token-check.ts";
import { type ValidDocument, validateDocument } from "./validate.ts";

export interface CompileOptions {
  readonly environment: Environment;
  /** What the database adds. */
  readonly stored?: StoredConfiguration;
  /** Stored models count even where `store_model_in_db` is off: one of them is only to be tried. */
  readonly trial?: boolean;
}

/**
 * A loaded configuration as the snapshot that requests are served from. Throws ConfigError when its shape is wrong, and
 * for a deployment that cannot be built where `ignore_invalid_deployments` is off; otherwise such a deployment is told
 * and left out.
 */
export function compileSnapshot(declaredDocument: LoadedDocument, options: CompileOptions): Snapshot {
  const { document, valid, problems } = withSettings(declaredDocument, options);
  const { library, problem: unread } = withBlockedUsers(document, asObject(valid.value.litellm_settings) ?? {});
  const router = asObject(valid.value.router_settings) ?? {};
  const stored = options.stored ?? NOTHING_STORED;
  const shared = {
    defaults: asObject(router.default_litellm_params ?? library.default_litellm_params),
    modelAliases: asObject(library.model_alias_map),
  };
  // A name that both have is the file's.
  const credentials = new Map([...stored.credentials, ...declaredCredentials(valid)]);
  const {
    deployments: declared,
    autoRouters: rules,
    diagnostics: skipped,
  } = compileModelList(document, valid, { ...shared, credentials });
  const general = generalSettingsOf(asObject(valid.value.general_settings) ?? {}, valid.environment);
  const added = compileStoredModels(general.storesModels || options.trial === true ? stored.models : [], {
    declared,
    credentials,
    environment: valid.environment,
    ...shared,
  });
  const objects = declaredObjects(document, valid, general.masterKey);
  const deployments = charged([...declared, ...added.deployments], library);
  const settings = routerSettingsOf(router, library);
  const served = { ...grouped(deployments), aliases: aliasesOf(router, library) };
  const automatic = compileAutoRouters([...rules, ...added.autoRouters], served);
  const diagnostics = inOrder(document.files, [
    ...valid.diagnostics,
    ...skipped,
    ...strategyDiagnostics(document, valid, settings.routingStrategy),
    ...tokenDiagnostics(document, valid),
    ...objects.diagnostics,
    ...(unread === undefined ? [] : [unread]),
    ...problems,
    ...stored.problems,
    ...added.diagnostics,
    ...automatic.diagnostics,
  ]);
  if (objects.diagnostics.length > 0 || unread !== undefined) throw new ConfigError(diagnostics);
  const strict = (router.ignore_invalid_deployments ?? library.ignore_invalid_deployments) === false;
  if (strict && skipped.some((one) => one.severity === "error")) throw new ConfigError(diagnostics);
  return {
    version: createHash("sha256")
      .update(JSON.stringify(declaredDocument.value) + (stored.version ?? ""))
      .digest("hex")
      .slice(0, 16),
    files: document.files,
    ...served,
    autoRouters: automatic.autoRouters,
    declaredCredentials: credentialLocations(document, valid),
    declaredObjects: objects.objects,
    router: settings,
    library: librarySettingsOf(library, valid.environment),
    general,
    resources: resourceSettingsOf(valid.value),
    locate: (path) => document.locate(path),
    document: declaredDocument.value,
    diagnostics,
  };
}

/** The files with the settings of the database, or without them when both together are no configuration. */
function withSettings(
  declared: LoadedDocument,
  { environment, stored = NOTHING_STORED, trial }: CompileOptions,
): { readonly document: LoadedDocument; readonly valid: ValidDocument; readonly problems: readonly Diagnostic[] } {
  const valid = validateDocument(declared, environment);
  const none = { document: declared, valid, problems: [] };
  if (Object.keys(stored.settings).length === 0) return none;
  const general = generalSettingsOf(asObject(valid.value.general_settings) ?? {}, valid.environment);
  if (!general.storesModels && trial !== true) return none;
  const document = withStoredSettings(declared, stored.settings);
  if (document === declared) return none;
  try {
    return { document, valid: validateDocument(document, environment), problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.diagnostics.filter(({ severity }) => severity === "error");
    if (trial === true) throw error;
    return { ...none, problems };
  }
}

/** What a start without a configuration serves: the built-in echo, and every provider whose key is at hand. */
export function defaultDocument(environment: Environment): LoadedDocument {
  const list: JsonObject[] = [{ model_name: "echo", litellm_params: { model: "echo/echo" } }];
  const claimed = new Set<string>();
  for (const provider of allProviders()) {
    if (provider.key !== "required" || provider.endpoints.chat === undefined) continue;
    const variable = provider.environment.key.find((name) => (environment[name] ?? "") !== "");
    // Several prefixes of one provider share its key; the first is the one that people know.
    if (variable === undefined || claimed.has(variable)) continue;
    claimed.add(variable);
    list.push({ model_name: `${provider.id}/*`, litellm_params: { model: `${provider.id}/*` } });
  }
  const value: JsonObject = { model_list: list };
  return {
    value,
    files: [],
    diagnostics: [],
    locate: () => ({ file: "the environment", line: 1, column: 1 }),
  };
}

/** The snapshot of a start without a configuration. */
export function defaultSnapshot(environment: Environment): Snapshot {
  return compileSnapshot(defaultDocument(environment), { environment });
}

/** What LiteLLM accepts and this router does not have. */
const OTHER_STRATEGIES: ReadonlySet<string> = new Set(["lar1"]);

function strategyDiagnostics(document: LoadedDocument, valid: ValidDocument, strategy: string): Diagnostic[] {
  if (!OTHER_STRATEGIES.has(strategy)) return [];
  const own = asObject(valid.value.router_settings)?.routing_strategy;
  const section = own === null || own === undefined ? "litellm_settings" : "router_settings";
  return [
    {
      severity: "warning",
      code: "not_yet",
      message: `${section}.routing_strategy ${strategy} is not supported: simple-shuffle is used`,
      location: document.locate([section, "routing_strategy"]),
    },
  ];
}

/** `blocked_user_list` may name a file with an end user on each line. */
function withBlockedUsers(
  document: LoadedDocument,
  library: JsonObject,
): { readonly library: JsonObject; readonly problem?: Diagnostic } {
  const path = library.blocked_user_list;
  if (typeof path !== "string") return { library };
  const text = readFile(path);
  if (text === undefined) {
    const place = document.locate(["litellm_settings", "blocked_user_list"], "value");
    const problem = refusal("file_missing", `litellm_settings.blocked_user_list: cannot read the file ${path}`, place);
    return { library, problem };
  }
  const users = text.split("\n").map((line) => line.trim());
  return { library: { ...library, blocked_user_list: users.filter((line) => line !== "") } };
}

function credentialLocations(document: LoadedDocument, valid: ValidDocument): ReadonlyMap<string, SourceLocation> {
  return new Map(
    asArray(valid.value.credential_list).flatMap((item, index): [string, SourceLocation][] => {
      const name = asString(asObject(item)?.credential_name);
      return name === undefined ? [] : [[name, document.locate(["credential_list", index])]];
    }),
  );
}

/** Deployments at the prices that discounts and margins make of their providers'. */
function charged(deployments: readonly Deployment[], library: JsonObject): readonly Deployment[] {
  if (library.cost_discount_config === undefined && library.cost_margin_config === undefined) return deployments;
  const byProvider = new Map<string, Adjustment | undefined>();
  return deployments.map((deployment) => {
    const { provider, prices } = deployment;
    if (!byProvider.has(provider)) byProvider.set(provider, costAdjustment(provider, library));
    const adjustment = byProvider.get(provider);
    if (adjustment === undefined) return deployment;
    return {
      ...deployment,
      prices: prices === undefined ? undefined : adjustedSheet(prices, adjustment),
      costAdjustment: adjustment,
    };
  });
}

/** File by file and line by line. */
function inOrder(files: readonly string[], diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  const fileOf = ({ location }: Diagnostic): number => (location === undefined ? -1 : (rank.get(location.file) ?? -1));
  return diagnostics.toSorted(
    (a, b) =>
      fileOf(a) - fileOf(b) ||
      (a.location?.line ?? 0) - (b.location?.line ?? 0) ||
      (a.location?.column ?? 0) - (b.location?.column ?? 0),
  );
}

function grouped(deployments: readonly Deployment[]): Pick<Snapshot, "groups" | "wildcards" | "deploymentsById"> {
  const groups = new Map<string, Deployment[]>();
  const patterns = new Map<string, Deployment[]>();
  for (const deployment of deployments) {
    const map = deployment.modelName.includes("*") ? patterns : groups;
    const group = map.get(deployment.modelName);
    if (group === undefined) map.set(deployment.modelName, [deployment]);
    else group.push(deployment);
  }
  const wildcards: WildcardGroup[] = [...patterns].map(([pattern, members]) => ({
    pattern,
    pieces: pattern.split("*"),
    deployments: members,
  }));
  wildcards.sort((a, b) => literalLength(b) - literalLength(a) || a.pieces.length - b.pieces.length);
  return { groups, wildcards, deploymentsById: new Map(deployments.map((deployment) => [deployment.id, deployment])) };
}

function literalLength(group: WildcardGroup): number {
  return group.pattern.length - group.pieces.length + 1;
}
