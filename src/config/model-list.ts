import { createHash } from "node:crypto";
import { asArray, asObject, asString, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import type { Deployment, Diagnostic } from "../snapshot/snapshot.ts";
import type { DeclaredAutoRouter } from "./auto-routers/auto-routers.ts";
import { isAutoRouter } from "./auto-routers/compile-auto-router.ts";
import { compileDeployment, type DeploymentProblem, readFile, withoutNull } from "./deployment.ts";
import type { LoadedDocument, Path } from "./load.ts";
import type { ValidDocument } from "./validate.ts";

/** Name → `credential_values`. */
export type Credentials = ReadonlyMap<string, JsonObject>;

export interface ModelListOptions {
  /** What `litellm_credential_name` may name. */
  readonly credentials: Credentials;
  /** What deployments have that do not say otherwise: `router_settings.default_litellm_params`. */
  readonly defaults?: JsonObject | undefined;
  /** Names of models that stand for others: `litellm_settings.model_alias_map`. */
  readonly modelAliases?: JsonObject | undefined;
  /** Reads files that providers' parameters name; undefined for what cannot be read. */
  readonly readFile?: (path: string) => string | undefined;
}

export interface CompiledModels {
  readonly deployments: readonly Deployment[];
  /** Entries whose model is a rule that chooses one. */
  readonly autoRouters: readonly DeclaredAutoRouter[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The deployments of `model_list`, and what is to be told about those that cannot be built. */
export function compileModelList(
  document: LoadedDocument,
  valid: ValidDocument,
  options: ModelListOptions,
): CompiledModels {
  const list = new ModelList(document, valid, options);
  for (const index of asArray(valid.value.model_list).keys()) list.add(index);
  return list;
}

/** The credentials of `credential_list`. */
export function declaredCredentials(valid: ValidDocument): Credentials {
  return new Map(
    asArray(valid.value.credential_list).flatMap((item): [string, JsonObject][] => {
      const name = asString(asObject(item)?.credential_name);
      return name === undefined ? [] : [[name, asObject(asObject(item)?.credential_values) ?? {}]];
    }),
  );
}

class ModelList implements CompiledModels {
  readonly deployments: Deployment[] = [];
  readonly autoRouters: DeclaredAutoRouter[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly #document: LoadedDocument;
  readonly #valid: ValidDocument;
  readonly #options: ModelListOptions;
  /** Id → how many deployments were given it. */
  readonly #ids = new Map<string, number>();

  constructor(document: LoadedDocument, valid: ValidDocument, options: ModelListOptions) {
    this.#document = document;
    this.#valid = valid;
    this.#options = options;
  }

  add(index: number): void {
    const path: Path = ["model_list", index];
    const entry = asObject(asArray(this.#valid.value.model_list)[index]) ?? {};
    const modelName = asString(entry.model_name);
    const broken = this.#valid.broken.get(index);
    if (broken !== undefined) {
      const message = `the deployment of ${modelName ?? `model_list[${index}]`} is skipped: ${broken.message}`;
      this.diagnostics.push({ ...broken, message });
      return;
    }
    if (modelName === undefined) {
      this.#skip(path, ["model_name"], `model_list[${index}]`, { problem: "its name is unset.", key: "model_name" });
      return;
    }
    const info = asObject(entry.model_info) ?? {};
    if (!this.#belongsHere(path, modelName, info)) return;
    const own = this.#withCredential(path, modelName, asObject(entry.litellm_params) ?? {});
    if (own === undefined) return;
    const params = this.#withDefaults(own);
    if (isAutoRouter(params)) {
      const given = typeof info.id === "number" ? String(info.id) : asString(info.id);
      this.autoRouters.push({
        id: given === undefined || given === "" ? deploymentId(modelName, params) : given,
        name: modelName,
        params,
        info,
        path,
        source: this.#document.locate(path),
        locate: this.#document.locate,
        readFile: this.#options.readFile ?? readFile,
      });
      return;
    }
    const written = asObject(asObject(asArray(this.#document.value.model_list)[index])?.litellm_params) ?? {};
    for (const [own, identity] of organisations(params, written)) this.#build(path, modelName, own, identity, info);
  }

  #build(path: Path, modelName: string, params: JsonObject, identity: JsonObject, info: JsonObject): void {
    const given = typeof info.id === "number" ? String(info.id) : asString(info.id);
    const id = given === undefined || given === "" ? deploymentId(modelName, identity) : given;
    const { environment } = this.#valid;
    const source = this.#document.locate(path);
    const compiled = compileDeployment({
      id,
      modelName,
      params,
      info,
      environment,
      source,
      readFile: this.#options.readFile ?? readFile,
    });
    if ("problem" in compiled) {
      const place = params[compiled.key] === undefined && info[compiled.key] !== undefined;
      this.#skip(path, [place ? "model_info" : "litellm_params", compiled.key], modelName, compiled);
      return;
    }
    const uses = (this.#ids.get(id) ?? 0) + 1;
    this.#ids.set(id, uses);
    if (uses > 1 && given !== undefined) this.#tellSharedId(path, id, uses);
    this.deployments.push(uses === 1 ? compiled : { ...compiled, id: `${id}-${uses}` });
  }

  /** `supported_environments`: the entry counts only where LITELLM_ENVIRONMENT is one of them. */
  #belongsHere(path: Path, modelName: string, info: JsonObject): boolean {
    const wanted = asArray(asString(info.supported_environments) ?? info.supported_environments);
    const environments = typeof info.supported_environments === "string" ? [info.supported_environments] : wanted;
    const here = this.#valid.environment.LITELLM_ENVIRONMENT;
    if (environments.length === 0 || (here !== undefined && environments.includes(here))) return true;
    this.diagnostics.push({
      severity: "info",
      code: "other_environment",
      message: `the deployment of ${modelName} is for ${environments.join(", ")}; LITELLM_ENVIRONMENT is ${here ?? "unset"}`,
      location: this.#document.locate([...path, "model_info", "supported_environments"]),
    });
    return false;
  }

  /** What the deployment says itself wins; what it leaves unset does not hide the credential's value. */
  #withCredential(path: Path, modelName: string, own: JsonObject): JsonObject | undefined {
    const name = asString(own.litellm_credential_name);
    if (name === undefined) return withoutNull(own);
    const credential = this.#options.credentials.get(name);
    if (credential !== undefined) return { ...withoutNull(credential), ...withoutNull(own) };
    this.#skip(path, ["litellm_params", "litellm_credential_name"], modelName, {
      problem: `there is no credential called ${name}.`,
      key: "litellm_credential_name",
    });
    return undefined;
  }

  #withDefaults(own: JsonObject): JsonObject {
    const { defaults, modelAliases } = this.#options;
    const alias = typeof own.model === "string" ? asString(modelAliases?.[own.model]) : undefined;
    if (defaults === undefined && alias === undefined) return own;
    const params: MutableJsonObject = { ...(defaults === undefined ? {} : withoutNull(defaults)), ...own };
    if (alias !== undefined) params.model = alias;
    return params;
  }

  #skip(path: Path, at: Path, modelName: string, { problem, suggestion }: DeploymentProblem): void {
    this.diagnostics.push({
      severity: "error",
      code: "deployment_skipped",
      message: `the deployment of ${modelName} is skipped: ${problem}`,
      location: this.#document.locate([...path, ...at]),
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }

  #tellSharedId(path: Path, id: string, uses: number): void {
    this.diagnostics.push({
      severity: "warning",
      code: "shared_id",
      message: `another deployment has the id ${id} too: this one is called ${id}-${uses}`,
      location: this.#document.locate([...path, "model_info", "id"]),
    });
  }
}

/** A list of organisations stands for one deployment each: its litellm_params resolved, and as they were written. */
function organisations(params: JsonObject, written: JsonObject): [JsonObject, JsonObject][] {
  const { organization } = params;
  if (!Array.isArray(organization)) return [[params, written]];
  const names = asArray(written.organization);
  return (organization as readonly Json[]).flatMap((one, index) =>
    one === null
      ? []
      : [
          [
            { ...params, organization: one },
            { ...written, organization: names[index] ?? one },
          ] as [JsonObject, JsonObject],
        ],
  );
}

/**
 * The same for the same entry, whatever the order of its keys. References count as they are written, so that a key that is
 * rotated in the environment makes no new deployment.
 */
function deploymentId(modelName: string, params: JsonObject): string {
  return createHash("sha256")
    .update(JSON.stringify([modelName, sorted(params)]))
    .digest("hex");
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as JsonObject)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member ?? null)]),
  );
}
