import { GatewayError } from "../errors/gateway-error.ts";
import { ParameterReport } from "../formats/report.ts";
import type { JsonObject } from "../json/json.ts";
import { type CatalogueEntry, findEntry } from "../pricing/catalogue.ts";
import { type Call, isConfigureProblem, type Operation, type Provider } from "../providers/provider.ts";
import { resolveModel } from "../providers/registry.ts";

/** Who is called, and how: a provider with its address and credentials. */
export interface ResolvedTarget {
  readonly provider: Provider;
  readonly call: Call;
  /** What the catalogue knows of the model. */
  readonly entry: CatalogueEntry | undefined;
}

/** Finds the provider of `provider/model`. Throws GatewayError when there is none, or when it lacks a credential. */
export function resolveTarget(
  model: string,
  operation: Operation,
  stream: boolean,
  options: { readonly params: JsonObject; readonly environment: Readonly<Record<string, string | undefined>> },
): ResolvedTarget {
  const { params, environment } = options;
  const resolved = resolveModel({
    model,
    apiBase: typeof params.api_base === "string" ? params.api_base : undefined,
    catalogueProvider: (name) => findEntry(name)?.provider,
  });
  if ("problem" in resolved) throw new GatewayError("invalid_request", resolved.problem, { param: "model" });
  const { provider } = resolved;
  const configured = provider.configure({ params, model: resolved.model, environment });
  if (isConfigureProblem(configured)) {
    throw new GatewayError("authentication", configured.message, { param: configured.key });
  }
  const name = resolved.model.replace(/^responses\//, "");
  const entry = findEntry(`${provider.id}/${name}`) ?? findEntry(name, provider.id);
  return {
    provider,
    entry,
    call: {
      operation,
      model: provider.upstreamModel?.(name, configured) ?? name,
      stream,
      target: configured,
      facts: {
        supports: entry?.supports ?? {},
        ...(entry?.maxOutputTokens === undefined ? {} : { maxOutputTokens: entry.maxOutputTokens }),
      },
      report: new ParameterReport(),
      modifyParams: false,
    },
  };
}
