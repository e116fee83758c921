/**
 * Every model on Replicate names its inputs itself; these are the names of the families that hold conversations
 * (the schemas on the models' pages at https://replicate.com/explore, and LiteLLM's table; 2026-11-24).
 */
export interface InputNames {
  /** The longest answer, in tokens. */
  readonly maxTokens: string;
  /** Undefined: the model has no input for system text, which then leads the prompt. */
  readonly system: string | undefined;
  /** `list` takes several images, `single` one. */
  readonly image: { readonly name: string; readonly takes: "list" | "single" };
  /** Stop sequences are one text with commas between them, or a list. */
  readonly stop: "text" | "list";
  /** True where the model takes the conversation itself as `messages`. */
  readonly messages: boolean;
}

const USUAL: InputNames = {
  maxTokens: "max_new_tokens",
  system: undefined,
  image: { name: "image", takes: "single" },
  stop: "text",
  messages: false,
};

const FAMILIES: readonly (readonly [RegExp, Partial<InputNames>])[] = [
  [
    /^openai\//,
    {
      maxTokens: "max_completion_tokens",
      system: "system_prompt",
      image: { name: "image_input", takes: "list" },
      messages: true,
    },
  ],
  [
    /^google\/gemini/,
    { maxTokens: "max_output_tokens", system: "system_instruction", image: { name: "images", takes: "list" } },
  ],
  [/^(anthropic|xai|ibm-granite)\//, { maxTokens: "max_tokens", system: "system_prompt" }],
  [/^(deepseek-ai|qwen|moonshotai)\//, { maxTokens: "max_tokens" }],
  [/codellama/, { maxTokens: "max_tokens", system: "system_prompt" }],
  [/vicuna|flan/, { maxTokens: "max_length" }],
  [/llama-(3|4)/, { maxTokens: "max_tokens", system: "system_prompt" }],
  [/llama-2.*chat/, { system: "system_prompt" }],
];

/** The names of a model's inputs, by the family that its name shows. */
export function inputNames(model: string): InputNames {
  const family = FAMILIES.find(([form]) => form.test(model.toLowerCase()));
  return family === undefined ? USUAL : { ...USUAL, ...family[1] };
}
