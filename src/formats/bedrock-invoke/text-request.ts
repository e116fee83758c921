import type { Json, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";

/** The wire names of what a model of texts takes; absent where it takes none. */
export interface SamplingNames {
  readonly maxTokens: string;
  readonly temperature: string;
  readonly topP: string;
  readonly topK?: string;
  readonly stop?: string;
  readonly n?: string;
}

/** Fills in the sampling parameters that the model has a name for. */
export function encodeSampling(request: ConversationRequest, names: SamplingNames, target: MutableJsonObject): void {
  const { sampling } = request;
  const put = (name: string | undefined, value: Json | undefined): void => {
    if (value !== undefined && name !== undefined) target[name] = value;
  };
  put(names.maxTokens, sampling.maxOutputTokens);
  put(names.temperature, sampling.temperature);
  put(names.topP, sampling.topP);
  put(names.topK, sampling.topK);
  put(names.stop, sampling.stop);
  put(names.n, sampling.n === 1 ? undefined : sampling.n);
}

/** Parameters of the model's own, as LiteLLM lets them pass: into the body, behind what was translated. */
export function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, context: RequestContext): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    if (extensions.format === "openai-chat" || extensions.format === "openai-completions") body[name] ??= value;
    else context.report.dropped(name, `only ${extensions.format} knows it`);
  }
}
