import type { Target } from "../snapshot/snapshot.ts";
import { type BaseUrl, withoutPath } from "./base-url.ts";
import { readEnvironment, readParameter } from "./credentials.ts";
import type { Call, ConfigureInput } from "./provider.ts";

/** Used where neither the deployment nor the environment nor the base names a version. */
const DEFAULT_API_VERSION = "2025-02-01-preview";
/** Responses exist on dated paths from this version on; below it the v1 surface is asked. */
const FIRST_RESPONSES_VERSION = "2025-03-01-preview";

/** Where a deployment's endpoints lie; kept in the target's options as plain data. */
export interface AzureAddress {
  readonly base: string;
  /** `deployments`: classic paths with the deployment's name and a dated version. `v1`: the model stands in the body. */
  readonly surface: "deployments" | "v1" | "gateway";
  readonly apiVersion: string | undefined;
  /** The deployment that a base with a full path names. */
  readonly deployment: string | undefined;
}

/**
 * Reads an `api_base` in each form that people write: the resource, the resource with `/openai`, with `/openai/v1`,
 * with a deployment, or with a whole endpoint and its `api-version`.
 */
export function azureAddress(given: BaseUrl, input: ConfigureInput): AzureAddress {
  const apiVersion =
    readParameter(input.params, ["api_version"]) ??
    given.query?.["api-version"] ??
    readEnvironment(input.environment, ["AZURE_API_VERSION"]);
  const address = withoutPath(given);
  const deployments = /^(.*)\/openai\/deployments\/([^/]+)$/.exec(address.base);
  if (deployments !== null) {
    return {
      base: deployments[1] as string,
      surface: "deployments",
      apiVersion: apiVersion ?? DEFAULT_API_VERSION,
      deployment: decodeURIComponent(deployments[2] as string),
    };
  }
  // Cloudflare's gateway: the resource is part of the base and the deployment is the next segment.
  // https://developers.cloudflare.com/ai-gateway/usage/providers/azureopenai/ (2026-11-24)
  if (address.host === "gateway.ai.cloudflare.com") {
    return {
      base: address.base,
      surface: "gateway",
      apiVersion: apiVersion ?? DEFAULT_API_VERSION,
      deployment: undefined,
    };
  }
  const v1 = /^(.*)\/openai\/v1$/.exec(address.base);
  if (v1 !== null) {
    return { base: v1[1] as string, surface: "v1", apiVersion: v1Version(apiVersion), deployment: undefined };
  }
  const base = address.base.replace(/\/openai$/, "");
  if (apiVersion === "v1" || apiVersion === "latest" || apiVersion === "preview") {
    return { base, surface: "v1", apiVersion: v1Version(apiVersion), deployment: undefined };
  }
  return { base, surface: "deployments", apiVersion: apiVersion ?? DEFAULT_API_VERSION, deployment: undefined };
}

/** The v1 surface knows no dated versions, and `v1` is what it takes for granted. */
function v1Version(version: string | undefined): string | undefined {
  return version === "preview" || version === "latest" ? version : undefined;
}

/** Path and query of one operation (`/chat/completions`) of a deployment. */
export function azurePath(operationPath: string, call: Call): string {
  const options = call.target.options ?? {};
  const version = options.apiVersion;
  const query = version === undefined ? "" : `?api-version=${encodeURIComponent(String(version))}`;
  const deployment = encodeURIComponent(String(options.deployment ?? call.model));
  if (options.surface === "gateway") return `/${deployment}${operationPath}${query}`;
  if (options.surface === "v1") return `/openai/v1${operationPath}${query}`;
  return `/openai/deployments/${deployment}${operationPath}${query}`;
}

/** Responses know no deployment path: the deployment's name is the body's `model`. */
export function azureResponsesPath(call: Call): string {
  const options = call.target.options ?? {};
  const version = options.apiVersion === undefined ? undefined : String(options.apiVersion);
  if (options.surface === "gateway") return `/responses?api-version=${encodeURIComponent(version ?? "")}`;
  const dated = options.surface === "deployments" && version !== undefined && version >= FIRST_RESPONSES_VERSION;
  if (dated && version.endsWith("-preview")) return `/openai/responses?api-version=${encodeURIComponent(version)}`;
  const query = options.surface === "v1" && version !== undefined ? `?api-version=${version}` : "";
  return `/openai/v1/responses${query}`;
}

/** Objects that have no dated paths. https://learn.microsoft.com/azure/ai-foundry/openai/latest (2026-11-26) */
const V1_ONLY = /^\/(?:containers|evals|videos)(?:\/|$)/;

/** Files, batches, vector stores … belong to the resource, not to one of its deployments. */
export function azureResourcePath(path: string, target: Target): string {
  const { surface, apiVersion } = target.options ?? {};
  if (surface === "v1" || V1_ONLY.test(path)) {
    const query = surface === "v1" && apiVersion !== undefined ? `?api-version=${String(apiVersion)}` : "";
    return `/openai/v1${path}${query}`;
  }
  const version = encodeURIComponent(String(apiVersion ?? DEFAULT_API_VERSION));
  return surface === "gateway" ? `${path}?api-version=${version}` : `/openai${path}?api-version=${version}`;
}
