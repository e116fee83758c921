export { type ErrorCode, GatewayError, UpstreamError, type UpstreamFailure } from "../errors/gateway-error.ts";
export type { ParameterChange } from "../formats/report.ts";
export type { Usage } from "../usage/usage.ts";
export {
  type ChatChunk,
  type ChatCompletion,
  type CompletionOptions,
  type CompletionStream,
  completion,
} from "./completion.ts";
