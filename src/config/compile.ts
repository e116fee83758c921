import { createHash } from "node:crypto";
import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../json/json.ts";
import { allProviders } from "../providers/registry.ts";
import type {
  Deployment,
  Diagnostic,
  GeneralSettings,
  LibrarySettings,
  ModelAlias,
  RouterSettings,
  Snapshot,
  WildcardGroup,
} from "../snapshot/snapshot.ts";
import { compileDeployment } from "./deployment.ts";
import { ConfigError, type LoadedDocument } from "./load.ts";
import { type Environment, type MissingReference, resolveMembers, resolveReferences } from "./references.ts";
import { keyDiagnostics, shapeErrors } from "./validate.ts";

/** LiteLLM's default for chat and embeddings, in seconds. */
const REQUEST_TIMEOUT = 6000;
const NUM_RETRIES = 2;
const MEGABYTE = 1024 * 1024;
/** Bodies beyond this are refused unless `max_request_size_mb` says otherwise. */
const DEFAULT_REQUEST_MEGABYTES = 512;

/** A loaded configuration as the snapshot that requests are served from. Throws ConfigError for errors of shape. */
export function compileSnapshot(document: LoadedDocument, options: { readonly environment: Environment }): Snapshot {
  const errors = shapeErrors(document);
  if (errors.length > 0) throw new ConfigError(errors);
  const diagnostics: Diagnostic[] = [...document.diagnostics, ...keyDiagnostics(document)];
  const missing: MissingReference[] = [];
  const declared = resolveMembers(
    asObject(document.value.environment_variables) ?? {},
    options.environment,
    ["environment_variables"],
    missing,
  );
  const environment: Environment = { ...options.environment, ...texts(declared) };
  const section = (name: string): JsonObject =>
    resolveMembers(asObject(document.value[name]) ?? {}, environment, [name], missing);
  const routerRaw = section("router_settings");
  const libraryRaw = section("litellm_settings");
  const generalRaw = section("general_settings");
  const credentials = credentialsOf(document, environment, missing);
  const deployments = deploymentsOf(document, environment, credentials, missing, diagnostics);
  for (const { path, name } of missing) {
    diagnostics.push({
      severity: "warning",
      code: "missing_environment_variable",
      message: `os.environ/${name}: the environment variable ${name} is not set`,
      location: document.locate(path),
    });
  }
  return {
    version: createHash("sha256").update(JSON.stringify(document.value)).digest("hex").slice(0, 16),
    files: document.files,
    ...grouped(deployments),
    aliases: aliasesOf(routerRaw),
    router: routerOf(routerRaw, libraryRaw),
    library: libraryOf(libraryRaw),
    general: generalOf(generalRaw),
    document: document.value,
    diagnostics,
  };
}

/** The snapshot of a start without a configuration: the built-in echo, and every provider whose key is at hand. */
export function defaultSnapshot(environment: Environment): Snapshot {
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
  return compileSnapshot(
    { value, files: [], diagnostics: [], locate: () => ({ file: "the environment", line: 1, column: 1 }) },
    { environment },
  );
}

function texts(values: JsonObject): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      found[name] = String(value);
  }
  return found;
}

function credentialsOf(
  document: LoadedDocument,
  environment: Environment,
  missing: MissingReference[],
): ReadonlyMap<string, JsonObject> {
  const credentials = new Map<string, JsonObject>();
  for (const [index, entry] of asArray(document.value.credential_list).entries()) {
    const name = asString(asObject(entry)?.credential_name);
    const values = asObject(asObject(entry)?.credential_values);
    if (name === undefined || values === undefined) continue;
    credentials.set(
      name,
      resolveMembers(values, environment, ["credential_list", index, "credential_values"], missing),
    );
  }
  return credentials;
}

function deploymentsOf(
  document: LoadedDocument,
  environment: Environment,
  credentials: ReadonlyMap<string, JsonObject>,
  missing: MissingReference[],
  diagnostics: Diagnostic[],
): Deployment[] {
  const deployments: Deployment[] = [];
  const ids = new Set<string>();
  for (const [index, entry] of asArray(document.value.model_list).entries()) {
    const path = ["model_list", index];
    const modelName = asString(asObject(entry)?.model_name) as string;
    const info = resolveReferences(
      asObject(asObject(entry)?.model_info) ?? {},
      environment,
      [...path, "model_info"],
      missing,
    ) as JsonObject;
    const skip = (message: string, key: string, suggestion: string | undefined): void => {
      diagnostics.push({
        severity: "error",
        code: "deployment_skipped",
        message: `the deployment of ${modelName} is skipped: ${message}`,
        location: document.locate([...path, "litellm_params", key]),
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    };
    const wanted = asArray(info.supported_environments);
    if (wanted.length > 0 && !wanted.includes(environment.LITELLM_ENVIRONMENT ?? "")) continue;
    const own = resolveReferences(
      asObject(asObject(entry)?.litellm_params) ?? {},
      environment,
      [...path, "litellm_params"],
      missing,
    ) as JsonObject;
    const credential = asString(own.litellm_credential_name);
    const known = credential === undefined ? undefined : credentials.get(credential);
    if (credential !== undefined && known === undefined) {
      skip(`credential_list has no credential called ${credential}`, "litellm_credential_name", undefined);
      continue;
    }
    for (const params of organisations({ ...known, ...withoutNull(own) })) {
      const compiled = compileDeployment({ modelName, params, info, environment, source: document.locate(path) });
      if ("problem" in compiled) skip(compiled.problem, compiled.key, compiled.suggestion);
      else if (ids.has(compiled.id)) deployments.push({ ...compiled, id: `${compiled.id}-${index}` });
      else {
        ids.add(compiled.id);
        deployments.push(compiled);
      }
    }
  }
  return deployments;
}

/** A reference to nothing must not hide the credential's value. */
function withoutNull(params: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null));
}

/** A list of organisations stands for one deployment each. */
function organisations(params: JsonObject): JsonObject[] {
  if (!Array.isArray(params.organization)) return [params];
  return (params.organization as readonly Json[]).map((organization) => ({ ...params, organization }));
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

function aliasesOf(router: JsonObject): ReadonlyMap<string, ModelAlias> {
  const aliases = new Map<string, ModelAlias>();
  for (const [name, target] of Object.entries(asObject(router.model_group_alias) ?? {})) {
    const model = asString(target) ?? asString(asObject(target)?.model);
    if (model !== undefined) aliases.set(name, { model, hidden: asObject(target)?.hidden === true });
  }
  return aliases;
}

function routerOf(raw: JsonObject, library: JsonObject): RouterSettings {
  const timeout = asNumber(raw.timeout);
  const streamTimeout = asNumber(raw.stream_timeout);
  const policy = numbers(raw.retry_policy);
  const groups = asObject(raw.model_group_retry_policy);
  return {
    routingStrategy: asString(raw.routing_strategy) ?? "simple-shuffle",
    routingStrategyArgs: asObject(raw.routing_strategy_args) ?? {},
    numRetries: asNumber(raw.num_retries) ?? asNumber(library.num_retries) ?? NUM_RETRIES,
    retryAfter: asNumber(raw.retry_after) ?? 0,
    ...(timeout === undefined ? {} : { timeout }),
    ...(streamTimeout === undefined ? {} : { streamTimeout }),
    ...(policy === undefined ? {} : { retryPolicy: policy }),
    ...(groups === undefined
      ? {}
      : {
          modelGroupRetryPolicy: Object.fromEntries(
            Object.entries(groups).map(([group, value]) => [group, numbers(value) ?? {}]),
          ),
        }),
    raw,
  };
}

function numbers(value: Json | undefined): Record<string, number> | undefined {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, number]) => (typeof number === "number" ? [[key, number]] : [])),
  );
}

function libraryOf(raw: JsonObject): LibrarySettings {
  return {
    dropParams: raw.drop_params === true,
    modifyParams: raw.modify_params === true,
    requestTimeout: asNumber(raw.request_timeout) ?? REQUEST_TIMEOUT,
    exposeRouterDebugInErrors: raw.expose_router_debug_in_errors !== false,
    raw,
  };
}

function generalOf(raw: JsonObject): GeneralSettings {
  const masterKey = asString(raw.master_key);
  const header = asString(raw.litellm_key_header_name);
  const model = asString(raw.completion_model);
  return {
    ...(masterKey === undefined ? {} : { masterKey }),
    ...(header === undefined ? {} : { keyHeaderName: header.toLowerCase() }),
    ...(model === undefined ? {} : { completionModel: model }),
    maxRequestSizeBytes: (asNumber(raw.max_request_size_mb) ?? DEFAULT_REQUEST_MEGABYTES) * MEGABYTE,
    alwaysIncludeStreamUsage: raw.always_include_stream_usage === true,
    cancelOnDisconnect: raw.cancel_on_disconnect === true,
    includeCallIdInErrorBody: raw.include_call_id_in_error_body === true,
    allowClientSideCredentials: raw.allow_client_side_credentials === true,
    forwardClientHeaders: raw.forward_client_headers_to_llm_api === true,
    raw,
  };
}
