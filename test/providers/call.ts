import { ParameterReport } from "../../src/formats/report.ts";
import type { JsonObject } from "../../src/json/json.ts";
import {
  type Call,
  type ConfigureProblem,
  isConfigureProblem,
  type Operation,
  type Provider,
} from "../../src/providers/provider.ts";
import { findProvider } from "../../src/providers/registry.ts";
import type { ModelFacts, Target } from "../../src/snapshot/snapshot.ts";

export interface CallOptions {
  readonly operation?: Operation;
  readonly facts?: ModelFacts;
  readonly baseModel?: string;
  readonly allowedParameters?: readonly string[];
  readonly target?: Target;
}

const NOWHERE: Target = { base: "https://provider.test/v1", headers: {}, credentials: {} };

/** A call to nowhere, for rules that need only a model and a report. */
export function callTo(model: string, options: CallOptions = {}): Call {
  return {
    operation: options.operation ?? "chat",
    model,
    stream: false,
    target: options.target ?? NOWHERE,
    facts: options.facts ?? { supports: {} },
    report: new ParameterReport(),
    modifyParams: false,
    ...(options.baseModel === undefined ? {} : { baseModel: options.baseModel }),
    ...(options.allowedParameters === undefined ? {} : { allowedParameters: options.allowedParameters }),
  };
}

/** The provider of that name; the test fails when there is none. */
export function provider(id: string): Provider {
  const found = findProvider(id);
  if (found === undefined) throw new Error(`no provider is called ${id}`);
  return found;
}

/** What the provider makes of litellm_params and environment. */
export function configure(
  id: string,
  params: JsonObject = {},
  environment: Record<string, string> = {},
  model = "model",
): Target | ConfigureProblem {
  return provider(id).configure({ params, model, environment });
}

/** The same where it must succeed. */
export function target(
  id: string,
  params: JsonObject = {},
  environment: Record<string, string> = {},
  model = "model",
): Target {
  const configured = configure(id, params, environment, model);
  if (isConfigureProblem(configured)) throw new Error(configured.message);
  return configured;
}
