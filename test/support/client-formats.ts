import { chatAnswer, chatStream, type ReceivedRequest } from "./upstream.ts";

/** A call in the words of one client format: where it goes, and its body. */
export type ClientCall = readonly [path: string, body: Readonly<Record<string, unknown>>];
export type ClientFormat = (model: string, stream: boolean, extra?: Readonly<Record<string, unknown>>) => ClientCall;

const MESSAGES = [{ role: "user", content: "hello" }];

/** What clients ask for text in. Their deployments have `use_chat_completions_api`. */
export const CLIENT_FORMATS: Readonly<Record<string, ClientFormat>> = {
  chat: (model, stream, extra) => ["/v1/chat/completions", { model, messages: MESSAGES, stream, ...extra }],
  completions: (model, stream, extra) => ["/v1/completions", { model, prompt: "hello", stream, ...extra }],
  responses: (model, stream, extra) => ["/v1/responses", { model, input: "hello", stream, ...extra }],
  messages: (model, stream, extra) => ["/v1/messages", { model, max_tokens: 20, messages: MESSAGES, stream, ...extra }],
  generateContent: (model, stream, extra) => [
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    { contents: [{ role: "user", parts: [{ text: "hello" }] }], ...extra },
  ],
};

export function post(
  gateway: { readonly url: string; readonly key: string },
  [path, body]: ClientCall,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What a provider answers to a chat or to a text completion, streamed if it was asked for. */
export function answerTo(request: ReceivedRequest, words: readonly string[]): Response {
  const answer = request.json?.stream === true ? chatStream(words) : Response.json(chatAnswer(words.join("")));
  return isTextCompletion(request) ? asTextCompletion(answer) : answer;
}

export function isTextCompletion({ path }: ReceivedRequest): boolean {
  return path.endsWith("/completions") && !path.endsWith("/chat/completions");
}

/** A chat stream as a provider of text completions sends it; whole answers stay as they are. */
export function asTextCompletion(response: Response): Response {
  if (!(response.headers.get("content-type") ?? "").includes("event-stream")) return response;
  const frames = new TransformStream<string, string>({
    transform(text, controller) {
      controller.enqueue(
        text
          .replaceAll('"delta":{"role":"assistant","content":""}', '"text":""')
          .replaceAll(/"delta":\{"content":("[^"]*")\}/g, '"text":$1')
          .replaceAll('"delta":{}', '"text":""')
          .replaceAll("chat.completion.chunk", "text_completion"),
      );
    },
  });
  const body = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(frames);
  return new Response(body?.pipeThrough(new TextEncoderStream()), { headers: response.headers });
}
