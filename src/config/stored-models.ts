import type { JsonObject } from "../json/json.ts";
import type { CatalogueEntry } from "../pricing/catalogue.ts";
import { autoRouterOfId } from "../snapshot/auto-router.ts";
import type { Deployment, Diagnostic, Snapshot, SourceLocation } from "../snapshot/snapshot.ts";
import type { DeclaredAutoRouter } from "./auto-routers/auto-routers.ts";
import { ConfigError } from "./diagnostics.ts";
import type { LoadedDocument } from "./load.ts";
import { type CompiledModels, type Credentials, compileModelList } from "./model-list.ts";
import type { Environment } from "./references.ts";
import { firstReference, type StoredSettings } from "./stored-settings.ts";
import { type ValidDocument, validateDocument } from "./validate.ts";

/** A deployment that is kept in the database, its secrets opened. */
export interface StoredModel {
  readonly id: string;
  readonly modelName: string;
  /** The team that it belongs to. */
  readonly teamId: string | null;
  readonly params: JsonObject;
  readonly info: JsonObject;
}

/** What the database adds to the configuration of the files. */
export interface StoredConfiguration {
  /** Another one after every change; undefined where nothing was ever stored. */
  readonly version: string | undefined;
  readonly models: readonly StoredModel[];
  readonly credentials: Credentials;
  /** Settings that no file declares. */
  readonly settings: StoredSettings;
  /** Newer entries of the price map; undefined where those of the release are the newest. */
  readonly prices: ReadonlyMap<string, CatalogueEntry> | undefined;
  /** What could not be read: it is left out. */
  readonly problems: readonly Diagnostic[];
}

export const NOTHING_STORED: StoredConfiguration = {
  version: undefined,
  models: [],
  credentials: new Map(),
  settings: {},
  prices: undefined,
  problems: [],
};

export interface StoredModelOptions {
  /** Deployments of the files: their ids are taken. */
  readonly declared: readonly Deployment[];
  readonly credentials: Credentials;
  readonly environment: Environment;
  readonly defaults?: JsonObject | undefined;
  readonly modelAliases?: JsonObject | undefined;
}

/** Whether a configuration has the model of the database with this id. */
export function hasStored({ deploymentsById, autoRouters }: Snapshot, id: string): boolean {
  return deploymentsById.get(id)?.stored === true || autoRouterOfId(autoRouters, id)?.stored === true;
}

/** Where a stored model is said to stand. */
export function storedLocation(id: string): SourceLocation {
  return { file: `the database, model ${id}`, line: 1, column: 1 };
}

/**
 * Deployments of stored models. References to variables are not resolved in them, and a team's models see neither the
 * environment nor files: whoever may add models through the API must not reach the secrets of the machine by it.
 * Whatever is wrong with one leaves out that one alone.
 */
export function compileStoredModels(models: readonly StoredModel[], options: StoredModelOptions): CompiledModels {
  const deployments: Deployment[] = [];
  const autoRouters: DeclaredAutoRouter[] = [];
  const diagnostics: Diagnostic[] = [];
  const taken = new Set(options.declared.map(({ id }) => id));
  for (const model of models) {
    if (taken.has(model.id)) {
      diagnostics.push(skipped(model, `a file declares a deployment with the id ${model.id}.`));
      continue;
    }
    const compiled = compileOne(model, options);
    diagnostics.push(...compiled.diagnostics);
    for (const router of compiled.autoRouters) autoRouters.push({ ...router, stored: true });
    for (const deployment of compiled.deployments) deployments.push({ ...deployment, stored: true });
  }
  return { deployments, autoRouters, diagnostics };
}

function compileOne(model: StoredModel, options: StoredModelOptions): CompiledModels {
  const variable = firstReference(model.params) ?? firstReference(model.info);
  if (variable !== undefined) {
    const problem = `os.environ/${variable} is not resolved in models of the database: give the value itself.`;
    return { deployments: [], autoRouters: [], diagnostics: [skipped(model, problem)] };
  }
  const entry = {
    model_name: model.modelName,
    litellm_params: model.params,
    model_info: { ...model.info, id: model.id },
  };
  const location = storedLocation(model.id);
  const document: LoadedDocument = {
    value: { model_list: [entry] },
    files: [],
    diagnostics: [],
    locate: () => location,
  };
  const isolated = model.teamId !== null;
  const { LITELLM_ENVIRONMENT } = options.environment;
  const environment = isolated ? { LITELLM_ENVIRONMENT } : options.environment;
  let valid: ValidDocument;
  try {
    valid = validateDocument(document, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const first = error.diagnostics.find(({ severity }) => severity === "error");
    const problem = (first?.message ?? error.message).replaceAll("model_list[0].", "");
    return { deployments: [], autoRouters: [], diagnostics: [skipped(model, `${problem}.`)] };
  }
  const { credentials } = options;
  const { defaults, modelAliases } = options;
  return compileModelList(document, valid, {
    credentials,
    defaults,
    modelAliases,
    ...(isolated ? { readFile: () => undefined } : {}),
  });
}

function skipped({ id, modelName }: StoredModel, problem: string): Diagnostic {
  return {
    severity: "error",
    code: "deployment_skipped",
    message: `the deployment of ${modelName} is skipped: ${problem}`,
    location: storedLocation(id),
  };
}
