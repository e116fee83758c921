import { asArray, asNumber, asObject, asString, isObject, type MutableJsonObject, parseJson } from "../json/json.ts";
import { transcriptAnswer } from "./audio-answer.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { missingKey, readBase, readKey } from "./credentials.ts";
import type { Call, Endpoint, OutboundRequest, Provider, Send } from "./provider.ts";
import { soundForm } from "./request-form.ts";

const BASE = "https://api.elevenlabs.io";
const KEY_VARIABLES = ["ELEVENLABS_API_KEY"];
const BASE_VARIABLES = ["ELEVENLABS_API_BASE"];

/** OpenAI's names of voices → the ids that LiteLLM gives them; every other name is an id already. */
const VOICES: Readonly<Record<string, string>> = {
  alloy: "21m00Tcm4TlvDq8ikWAM",
  amber: "5Q0t7uMcjvnagumLfvZi",
  ash: "AZnzlk1XvdvUeBnXmlld",
  august: "D38z5RcWu1voky8WS1ja",
  blue: "2EiwWnXFnvU5JabPnv8n",
  coral: "9BWtsMINqrJLrRacOk9x",
  lily: "EXAVITQu4vr4xnSDxMaL",
  onyx: "29vD33N1CtxCmqQRPOHJ",
  sage: "CwhRBWXzGAHq8TQ4Fs17",
  verse: "CYw3kZ02Hs0563khs1Fj",
};

/** https://elevenlabs.io/docs/api-reference/text-to-speech/convert (2026-11-24) */
const OUTPUT_FORMATS: Readonly<Record<string, string>> = {
  mp3: "mp3_44100_128",
  pcm: "pcm_44100",
  opus: "opus_48000_128",
};

const TRANSCRIPTION: Endpoint = {
  format: "openai-chat",
  path: "/v1/speech-to-text",
  parameters: { rename: { language: "language_code" }, remove: { prompt: "ElevenLabs takes the sound alone" } },
  exchange: transcribe,
};

const NOT_SENT = new Set(["model", "response_format", "stream", "timestamp_granularities", "include"]);

async function transcribe(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const { file, fields } = soundForm(request);
  const form = new FormData();
  form.append("file", file);
  form.append("model_id", call.model);
  for (const [name, value] of Object.entries(fields)) if (!NOT_SENT.has(name)) form.append(name, value);
  const response = await send({ ...request, body: form });
  if (!response.ok) return response;
  const answer = asObject(parseJson(await response.text())) ?? {};
  // Spaces and sounds ("(laughs)") stand in the list too.
  const words = asArray(answer.words)
    .filter(isObject)
    .filter((word) => word.type === undefined || word.type === "word")
    .map((word) => ({
      word: asString(word.text) ?? "",
      start: asNumber(word.start) ?? 0,
      end: asNumber(word.end) ?? 0,
    }));
  return transcriptAnswer(
    {
      text: asString(answer.text) ?? "",
      language: asString(answer.language_code),
      duration: words.at(-1)?.end,
      words,
    },
    fields.response_format,
  );
}

const SPEECH: Endpoint = { format: "openai-chat", path: "/v1/text-to-speech", exchange: speak };

async function speak(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { input, model: _, voice, response_format: format, speed, instructions, ...rest } = asked;
  const name = asString(voice) ?? "alloy";
  const url = new URL(`${request.url}/${encodeURIComponent(VOICES[name] ?? name)}`);
  const asks = asString(format) ?? "mp3";
  url.searchParams.set("output_format", OUTPUT_FORMATS[asks] ?? asks);
  if (instructions !== undefined) call.report.dropped("instructions", "ElevenLabs takes the text alone");
  const body: MutableJsonObject = { ...rest, text: input, model_id: call.model };
  if (speed !== undefined) body.voice_settings = { ...asObject(rest.voice_settings), speed };
  return send({ ...request, url: url.href, body: JSON.stringify(body) });
}

/** ElevenLabs (https://elevenlabs.io/docs/api-reference/speech-to-text/convert, 2026-11-24). */
export const elevenlabs: Provider = {
  id: "elevenlabs",
  label: "ElevenLabs",
  documentation: { url: "https://elevenlabs.io/docs/api-reference/speech-to-text/convert", read: "2026-11-24" },
  owner: "elevenlabs",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["api.elevenlabs.io"],
  key: "required",
  endpoints: { transcription: [TRANSCRIPTION], speech: [SPEECH] },
  configure: (input) => {
    const key = readKey(input, KEY_VARIABLES);
    if (key === undefined) return missingKey("ElevenLabs", KEY_VARIABLES);
    const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
    if ("code" in parsed) return parsed;
    return {
      base: withoutPath(parsed, ["/v1/speech-to-text", "/v1/text-to-speech", "/v1"]).base,
      headers: { "xi-api-key": key },
      credentials: {},
      ...(parsed.query === undefined ? {} : { query: parsed.query }),
    };
  },
};
