import { ParameterReport } from "../formats/report.ts";
import type { Call, Operation } from "../providers/provider.ts";
import type { Deployment } from "../snapshot/snapshot.ts";

/** A call that translates nothing: what a provider must know to address and sign it. `model`: the deployment's own. */
export function plainCall(
  { upstreamModel, target, facts }: Deployment,
  operation: Operation,
  { model = upstreamModel, stream = false }: { readonly model?: string; readonly stream?: boolean } = {},
): Call {
  return { operation, model, stream, target, facts, report: new ParameterReport(), modifyParams: false };
}
