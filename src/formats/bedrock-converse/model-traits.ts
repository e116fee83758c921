import { type ModelFamily, modelFamily } from "../anthropic-messages/model-family.ts";

/** What a model on Bedrock takes over Converse beyond what all of them do. */
export interface ModelTraits {
  readonly kind: "claude" | "nova" | "nova-2" | "gpt-oss" | "deepseek-r1" | "other";
  /** Of Claude. */
  readonly family: ModelFamily | undefined;
  /** `toolChoice` may be `any` or a tool; https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html (2026-11) */
  readonly forcedChoice: boolean;
  /** Cache points; https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (2026-11) */
  readonly caches: boolean;
  /** `outputConfig.textFormat`; https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (2026-11) */
  readonly structuredOutput: boolean;
}

const STRUCTURED =
  /qwen3|gpt-oss|deepseek\.v3|gemma-3|minimax|ministral|magistral|mistral-large-3|voxtral|kimi|nemotron/;

export function modelTraits(model: string): ModelTraits {
  const name = model.toLowerCase();
  if (name.includes("claude")) {
    const family = modelFamily(name);
    return {
      kind: "claude",
      family,
      forcedChoice: family.forcedToolUse && !/claude-(?:v2|2|instant)/.test(name),
      caches: true,
      // Bedrock has it from 4.5 on.
      structuredOutput: family.structuredOutput && !name.includes("opus-4-1"),
    };
  }
  const kind = name.includes("nova-2")
    ? "nova-2"
    : name.includes("nova")
      ? "nova"
      : name.includes("gpt-oss")
        ? "gpt-oss"
        : /deepseek[._-]r1/.test(name)
          ? "deepseek-r1"
          : "other";
  const nova = kind === "nova" || kind === "nova-2";
  return {
    kind,
    family: undefined,
    forcedChoice: nova || name.includes("mistral-large") || name.includes("gpt-oss"),
    caches: nova,
    structuredOutput: STRUCTURED.test(name),
  };
}
