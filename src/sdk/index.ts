export { type ErrorCode, GatewayError, UpstreamError, type UpstreamFailure } from "../errors/gateway-error.ts";
export type { ParameterChange } from "../formats/report.ts";
export type { Usage } from "../usage/usage.ts";
export type { AnswerExtras } from "./answer-extras.ts";
export type { CallOptions } from "./call-options.ts";
export {
  type ChatChunk,
  type ChatCompletion,
  type CompletionOptions,
  type CompletionStream,
  completion,
} from "./completion.ts";
export type { Answer, AnswerStream } from "./converse.ts";
export {
  type EmbeddingOptions,
  embedding,
  type ImageGenerationOptions,
  imageGeneration,
  imageGeneration as image_generation,
  type RerankOptions,
  rerank,
  type TranscriptionOptions,
  transcription,
} from "./operations.ts";
export { type ResponsesOptions, responses } from "./responses.ts";
export { Router, type RouterDeployment, type RouterOptions } from "./router.ts";
