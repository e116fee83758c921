/** The one conversation that every measurement uses, and the answers that the upstream gives to it. */
export const MODEL = "gpt-4o-mini";
export const KEY = "sk-bench-0123456789abcdef";
export const PATH = "/v1/chat/completions";

const QUESTION =
  "Explain in two sentences why a company with many programs and many language models should put one gateway between " +
  "them, what such a gateway must never do, and how one would find out whether it does its job well. ";
const ANSWER =
  "One gateway keeps keys, spending and failures in one place, so that no program has to handle them by itself. It must " +
  "never change what is said nor lose count of what it costs, and it should add less delay than the network does.";

/** About 900 bytes of request. */
export function requestBody(stream: boolean): string {
  return JSON.stringify({
    model: MODEL,
    messages: [{ role: "user", content: QUESTION.repeat(3) }],
    temperature: 0.2,
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
}

const common = {
  id: "chatcmpl-B7kQ2mVdX0pLr5tYw9sHc3uNz8aEf",
  created: 1_763_900_000,
  model: "gpt-4o-mini-2024-07-18",
  system_fingerprint: "fp_0a1b2c3d4e",
};

export const ANSWER_BODY = JSON.stringify({
  ...common,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: ANSWER, refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: {
    prompt_tokens: 168,
    completion_tokens: 45,
    total_tokens: 213,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  },
  service_tier: "default",
});

/** Frame `index` of a stream of `count` frames; the last one carries the finish reason. */
export function streamFrame(index: number, count: number): string {
  const last = index === count - 1;
  const choice = {
    index: 0,
    delta: last ? {} : { content: ` word${index % 10}` },
    logprobs: null,
    finish_reason: last ? "stop" : null,
  };
  return frame({ ...common, object: "chat.completion.chunk", choices: [choice], usage: null });
}

/** What follows the frames: the usage and the end mark. */
export function streamEnd(count: number): string {
  const usage = { prompt_tokens: 168, completion_tokens: count, total_tokens: 168 + count };
  return `${frame({ ...common, object: "chat.completion.chunk", choices: [], usage })}data: [DONE]\n\n`;
}

function frame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
