/**
 * The provider's part, in a container of its own: answers chat completions in OpenAI's form and counts the calls. Each
 * call bills 10 tokens in and 5 out. `GET /count` tells how many there were; a question of `slow` streams for seconds.
 */
let calls = 0;

const base = { id: "chatcmpl-deploy", created: 1_763_900_000, model: "gpt-4o-mini" };
const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

function whole(): Response {
  const message = { role: "assistant", content: "one two three four five" };
  const choices = [{ index: 0, message, finish_reason: "stop" }];
  return Response.json({ ...base, object: "chat.completion", choices, usage });
}

function stream(gapMs: number): Response {
  const frame = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
  const chunk = (delta: unknown, finish: string | null = null): string =>
    frame({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
  const words = ["one ", "two ", "three ", "four ", "five"];
  const body = new ReadableStream<string>({
    async pull(controller) {
      const word = words.shift();
      if (word !== undefined) {
        controller.enqueue(chunk({ role: "assistant", content: word }));
        await Bun.sleep(gapMs);
        return;
      }
      controller.enqueue(chunk({}, "stop"));
      controller.enqueue(frame({ ...base, object: "chat.completion.chunk", choices: [], usage }));
      controller.enqueue("data: [DONE]\n\n");
      controller.close();
    },
  });
  return new Response(body.pipeThrough(new TextEncoderStream()), { headers: { "content-type": "text/event-stream" } });
}

/** One answer of a realtime session. */
const realtime = {
  type: "response.done",
  response: { usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 } },
};

Bun.serve({
  hostname: "0.0.0.0",
  port: 8080,
  idleTimeout: 0,
  websocket: {
    open: (socket) => void socket.send(JSON.stringify({ type: "session.created", session: { id: "sess_1" } })),
    message(socket, message) {
      if (String(message).includes("response.create")) socket.send(JSON.stringify(realtime));
    },
  },
  async fetch(request, server) {
    if (new URL(request.url).pathname === "/count") return Response.json({ calls });
    if (request.headers.get("authorization") !== "Bearer sk-provider-key") {
      return Response.json(
        { error: { message: "Incorrect API key provided", type: "invalid_request_error" } },
        { status: 401 },
      );
    }
    if (server.upgrade(request)) {
      calls++;
      return undefined;
    }
    const text = await request.text();
    // Health checks are nobody's calls.
    if (!text.includes("test from litellm")) calls++;
    const body = JSON.parse(text) as { stream?: boolean };
    return body.stream === true ? stream(text.includes("slow") ? 600 : 20) : whole();
  },
});
