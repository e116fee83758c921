import { describe, expect, test } from "bun:test";
import { asArray, asObject, type JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import type { Operation, OutboundRequest } from "../../src/providers/provider.ts";
import { callTo, configure, provider, target } from "./call.ts";
import { recordings } from "./recordings.ts";

/** What a provider was sent, and what the client then got, where the provider answers with `answer`. */
async function exchange(
  id: string,
  operation: Operation,
  model: string,
  body: FormData | JsonObject,
  answer: Response,
) {
  const call = callTo(model, { operation, target: target(id, { api_key: "k" }) });
  const endpoint = provider(id).endpoints[operation]?.[0];
  if (endpoint?.exchange === undefined) throw new Error(`${id} has no exchange for ${operation}`);
  const sent: OutboundRequest[] = [];
  const request: OutboundRequest = {
    method: "POST",
    url: endpointUrl(endpoint, call),
    headers: call.target.headers,
    body: body instanceof FormData ? body : JSON.stringify(body),
  };
  const send = async (one: OutboundRequest) => {
    sent.push(one);
    return answer;
  };
  const response = await endpoint.exchange(request, send, call);
  const [first] = sent;
  if (first === undefined) throw new Error("nothing was sent");
  return { sent: first, url: new URL(first.url), response, report: call.report };
}

function sound(fields: Readonly<Record<string, string>> = {}): FormData {
  const form = new FormData();
  form.append("file", new File([new Uint8Array([1, 2, 3])], "a.wav", { type: "audio/wav" }));
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

// The shapes are those of https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded (2026-11-24).
describe("Deepgram", () => {
  const ANSWER = {
    metadata: { duration: 3.5 },
    results: {
      channels: [
        {
          detected_language: "en",
          alternatives: [
            {
              transcript: "Hello there.",
              words: [
                { word: "hello", punctuated_word: "Hello", start: 0.1, end: 0.5 },
                { word: "there", punctuated_word: "there.", start: 0.6, end: 1 },
              ],
            },
          ],
        },
      ],
    },
  };

  test("the sound is the body, what was asked is the query", async () => {
    const form = sound({ model: "x", language: "en", response_format: "json", punctuate: "true" });
    const { sent, url, response } = await exchange("deepgram", "transcription", "nova-3", form, Response.json(ANSWER));
    expect(url.origin + url.pathname).toBe("https://api.deepgram.com/v1/listen");
    expect(Object.fromEntries(url.searchParams)).toEqual({ model: "nova-3", language: "en", punctuate: "true" });
    expect(sent.headers).toMatchObject({ authorization: "Token k", "content-type": "audio/wav" });
    expect(sent.body).toEqual(new Uint8Array([1, 2, 3]));
    expect(await response.json()).toEqual({
      task: "transcribe",
      language: "en",
      duration: 3.5,
      usage: { type: "duration", seconds: 3.5 },
      text: "Hello there.",
      words: [
        { word: "Hello", start: 0.1, end: 0.5 },
        { word: "there.", start: 0.6, end: 1 },
      ],
    });
  });

  test("text, srt and vtt are text", async () => {
    const as = async (format: string) => {
      const form = sound({ response_format: format });
      return (await exchange("deepgram", "transcription", "nova-3", form, Response.json(ANSWER))).response.text();
    };
    expect(await as("text")).toBe("Hello there.\n");
    expect(await as("srt")).toBe("1\n00:00:00,100 --> 00:00:01,000\nHello there.\n");
    expect(await as("vtt")).toBe("WEBVTT\n\n00:00:00.100 --> 00:00:01.000\nHello there.\n");
  });

  test("speech: the model is the voice", async () => {
    const asked = { model: "x", input: "Hi", voice: "alloy", response_format: "wav" };
    const answer = new Response(new Uint8Array([9]), { headers: { "content-type": "audio/wav" } });
    const { sent, url, response, report } = await exchange("deepgram", "speech", "aura-2-zeus-en", asked, answer);
    expect(url.pathname).toBe("/v1/speak");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      model: "aura-2-zeus-en",
      encoding: "linear16",
      container: "wav",
    });
    expect(sent.body).toBe('{"text":"Hi"}');
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([9]));
    expect(report.changes.map(({ parameter }) => parameter)).toEqual(["voice"]);
  });

  test("its errors keep their sentence; other answers of error pass", async () => {
    const body = JSON.stringify({ err_code: "INVALID_AUTH", err_msg: "Invalid credentials.", request_id: "r" });
    const failure = provider("deepgram").classifyError?.({ code: "authentication", message: body }, 401, body);
    expect(failure).toEqual({ code: "authentication", message: "Invalid credentials." });
    const refused = new Response(body, { status: 401 });
    expect((await exchange("deepgram", "transcription", "nova-3", sound(), refused)).response).toBe(refused);
  });

  test("a form without a file is the caller's mistake", () => {
    const none = exchange("deepgram", "transcription", "nova-3", new FormData(), Response.json({}));
    expect(none).rejects.toThrow("Missing required parameter: 'file'.");
  });

  test("bases with and without the endpoint", () => {
    for (const base of ["http://h:1", "http://h:1/v1", "http://h:1/v1/listen"]) {
      expect(target("deepgram", { api_key: "k", api_base: base }).base).toBe("http://h:1/v1");
    }
    expect(configure("deepgram")).toMatchObject({ code: "missing_credential" });
  });

  test("every recorded transcript", async () => {
    for (const { path, body = {} } of recordings("deepgram")) {
      if (!path.startsWith("/v1/listen")) continue;
      const got = await exchange("deepgram", "transcription", "nova-3-general", sound(), Response.json(body));
      const channel = asObject(asArray(asObject(body.results)?.channels)[0]);
      const { text } = (await got.response.json()) as JsonObject;
      expect(text).toBe(asObject(asArray(channel?.alternatives)[0])?.transcript);
    }
  });
});

// https://elevenlabs.io/docs/api-reference/speech-to-text/convert and …/text-to-speech/convert (2026-11-24).
describe("ElevenLabs", () => {
  test("a form goes out in its own words, and only words come back", async () => {
    const answer = {
      language_code: "eng",
      text: "Hello there.",
      words: [
        { text: "Hello", start: 0.1, end: 0.4, type: "word" },
        { text: " ", start: 0.4, end: 0.5, type: "spacing" },
        { text: "there.", start: 0.5, end: 0.9, type: "word" },
      ],
    };
    const form = sound({ model: "x", language_code: "en", response_format: "json" });
    const { sent, url, response } = await exchange(
      "elevenlabs",
      "transcription",
      "scribe_v1",
      form,
      Response.json(answer),
    );
    expect(url.href).toBe("https://api.elevenlabs.io/v1/speech-to-text");
    expect(sent.headers).toMatchObject({ "xi-api-key": "k" });
    const fields = [...(sent.body as FormData).entries()].map(([name, value]) => [
      name,
      typeof value === "string" ? value : (value as File).name,
    ]);
    expect(fields).toEqual([
      ["file", "a.wav"],
      ["model_id", "scribe_v1"],
      ["language_code", "en"],
    ]);
    expect(await response.json()).toMatchObject({
      text: "Hello there.",
      language: "eng",
      duration: 0.9,
      words: [{ word: "Hello" }, { word: "there." }],
    });
  });

  test("speech: OpenAI's voices have ids, others are ids", async () => {
    const ask = (voice: string) =>
      exchange(
        "elevenlabs",
        "speech",
        "eleven_multilingual_v2",
        { model: "x", input: "Hi", voice, response_format: "pcm", speed: 1.1 },
        new Response(new Uint8Array([9]), { headers: { "content-type": "audio/pcm" } }),
      );
    const { sent, url } = await ask("alloy");
    expect(url.href).toBe("https://api.elevenlabs.io/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM?output_format=pcm_44100");
    expect(JSON.parse(sent.body as string)).toEqual({
      text: "Hi",
      model_id: "eleven_multilingual_v2",
      voice_settings: { speed: 1.1 },
    });
    expect((await ask("ownVoice")).url.pathname).toBe("/v1/text-to-speech/ownVoice");
  });
});

// https://docs.mistral.ai/api/endpoint/audio/speech (2026-11-24)
describe("Mistral", () => {
  test("speech comes as base64 inside JSON and leaves as sound", async () => {
    const answer = Response.json({ audio_data: btoa("\u0001\u0002") });
    const asked = { model: "m", input: "Hi", voice: "v", response_format: "wav" };
    const { response } = await exchange("mistral", "speech", "voxtral-mini-tts", asked, answer);
    expect(response.headers.get("content-type")).toBe("audio/wav");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([1, 2]));
  });
});
