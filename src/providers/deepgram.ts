import { asArray, asNumber, asObject, asString, isObject, type JsonObject, parseJson } from "../json/json.ts";
import { transcriptAnswer } from "./audio-answer.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { missingKey, readBase, readKey } from "./credentials.ts";
import type { Call, Endpoint, OutboundRequest, Provider, Send } from "./provider.ts";
import { soundForm } from "./request-form.ts";

const BASE = "https://api.deepgram.com/v1";
const KEY_VARIABLES = ["DEEPGRAM_API_KEY"];
const BASE_VARIABLES = ["DEEPGRAM_API_BASE"];

/** Form fields of OpenAI's that mean nothing to Deepgram, or that the gateway itself acts on. */
const NOT_SENT = new Set([
  "model",
  "response_format",
  "stream",
  "timestamp_granularities",
  "include",
  "chunking_strategy",
]);

/** `file` of a form → the sound as the body; what else was asked → the query. */
const TRANSCRIPTION: Endpoint = {
  format: "openai-chat",
  path: "/listen",
  parameters: { remove: { temperature: "Deepgram has no such setting", prompt: "Deepgram takes keyterms, no prompt" } },
  exchange: transcribe,
};

async function transcribe(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const { file, fields } = soundForm(request);
  const url = new URL(request.url);
  url.searchParams.set("model", call.model);
  for (const [name, value] of Object.entries(fields)) if (!NOT_SENT.has(name)) url.searchParams.set(name, value);
  const response = await send({
    ...request,
    url: url.href,
    headers: { ...request.headers, "content-type": file.type === "" ? "application/octet-stream" : file.type },
    body: new Uint8Array(await file.arrayBuffer()),
  });
  if (!response.ok) return response;
  const answer = asObject(parseJson(await response.text())) ?? {};
  const results = asObject(answer.results);
  const channel = asObject(asArray(results?.channels)[0]);
  const alternative = asObject(asArray(channel?.alternatives)[0]);
  return transcriptAnswer(
    {
      text: asString(alternative?.transcript) ?? "",
      language: asString(channel?.detected_language) ?? fields.language ?? "english",
      duration: asNumber(asObject(answer.metadata)?.duration),
      words: asArray(alternative?.words)
        .filter(isObject)
        .map((word) => ({
          word: asString(word.punctuated_word) ?? asString(word.word) ?? "",
          start: asNumber(word.start) ?? 0,
          end: asNumber(word.end) ?? 0,
        })),
      segments: asArray(results?.utterances).filter(isObject).map(segment),
    },
    fields.response_format,
  );
}

function segment(utterance: JsonObject, id: number): JsonObject {
  return {
    id,
    start: utterance.start,
    end: utterance.end,
    text: utterance.transcript,
    ...(utterance.speaker === undefined ? {} : { speaker: utterance.speaker }),
  };
}

/** OpenAI's names of sound formats → Deepgram's query. https://developers.deepgram.com/docs/tts-media-output-settings (2026-11-24) */
const ENCODINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mp3: { encoding: "mp3" },
  opus: { encoding: "opus" },
  aac: { encoding: "aac" },
  flac: { encoding: "flac" },
  wav: { encoding: "linear16", container: "wav" },
  pcm: { encoding: "linear16", container: "none" },
};

const SPEECH: Endpoint = { format: "openai-chat", path: "/speak", exchange: speak };

/** The voice is part of the model's name (`aura-2-thalia-en`): OpenAI's `voice` and `instructions` have no place. */
async function speak(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { input, model: _, voice, response_format: format, speed, instructions, ...rest } = asked;
  const url = new URL(request.url);
  url.searchParams.set("model", call.model);
  for (const [name, value] of Object.entries(ENCODINGS[asString(format) ?? "mp3"] ?? {})) {
    url.searchParams.set(name, value);
  }
  for (const [name, value] of Object.entries(rest)) {
    if (typeof value === "string" || typeof value === "number") url.searchParams.set(name, String(value));
  }
  if (voice !== undefined) call.report.dropped("voice", "Deepgram's models are voices: the model's name says which");
  if (instructions !== undefined) call.report.dropped("instructions", "Deepgram takes the text alone");
  if (speed !== undefined) url.searchParams.set("speed", String(speed));
  return send({ ...request, url: url.href, body: JSON.stringify({ text: input }) });
}

/** Deepgram (https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded, 2026-11-24). */
export const deepgram: Provider = {
  id: "deepgram",
  label: "Deepgram",
  documentation: {
    url: "https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded",
    read: "2026-11-24",
  },
  owner: "deepgram",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["api.deepgram.com"],
  key: "required",
  endpoints: { transcription: [TRANSCRIPTION], speech: [SPEECH] },
  configure: (input) => {
    const key = readKey(input, KEY_VARIABLES);
    if (key === undefined) return missingKey("Deepgram", KEY_VARIABLES);
    const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
    if ("code" in parsed) return parsed;
    const { base, path } = withoutPath(parsed, ["/listen", "/speak"]);
    return {
      base: path === "" ? `${base}/v1` : base,
      headers: { authorization: `Token ${key}` },
      credentials: {},
      ...(parsed.query === undefined ? {} : { query: parsed.query }),
    };
  },
  classifyError: (failure, _status, body) => {
    const said = asString(asObject(parseJson(body))?.err_msg);
    return said === undefined ? failure : { ...failure, message: said };
  },
};
