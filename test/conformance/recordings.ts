import { existsSync, readdirSync, readFileSync } from "node:fs";
import { asArray, asObject, asString, type Json, type JsonObject, parseJson } from "../../src/json/json.ts";
import { eventStreamPayloads } from "./event-stream-payloads.ts";

export const EXCHANGES = process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges";

/** The wire format of a call, by its path. */
export type Wire = "chat" | "messages" | "responses" | "genai" | "converse" | "invoke" | "cohere" | "ollama";

/** One recorded conversation with a provider. */
export interface Recording {
  /** `provider--case`: without a slash, so that it can be a model name in a URL. */
  readonly id: string;
  readonly provider: string;
  readonly name: string;
  readonly wire: Wire;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  /** Absent where only the answer was recorded. */
  readonly request: JsonObject | undefined;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The answer's bytes. */
  readonly bytes: Uint8Array;
  /** The answer's JSON documents: one, or each event of a stream. */
  readonly documents: readonly JsonObject[];
  readonly streamed: boolean;
  readonly model: string;
}

const WIRES: readonly (readonly [RegExp, Wire])[] = [
  [/\/v2\/chat$/, "cohere"],
  [/\/api\/chat$/, "ollama"],
  [/\/chat\/completions$/, "chat"],
  [/\/responses$/, "responses"],
  [/\/messages$/, "messages"],
  [/:(generateContent|streamGenerateContent)$/, "genai"],
  [/\/converse(-stream)?$/, "converse"],
  [/\/invoke(-with-response-stream)?$/, "invoke"],
];

function wireOf(provider: string, path: string): Wire | undefined {
  if (/embed|rerank/.test(path)) return undefined;
  // Writer's chat is OpenAI's body under a path of its own; Cohere's `/v1/chat` is another format.
  if (provider === "writer" && path.endsWith("/v1/chat")) return "chat";
  return WIRES.find(([form]) => form.test(path))?.[1];
}

/** Every recorded conversation; undefined where the recordings are missing. */
export function recordings(): Recording[] | undefined {
  if (!existsSync(EXCHANGES)) return undefined;
  const providers = readdirSync(EXCHANGES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return providers
    .flatMap(({ name }) =>
      readdirSync(`${EXCHANGES}/${name}`)
        .filter((file) => file.endsWith(".json"))
        .map((file) => read(name, file)),
    )
    .filter((recording) => recording !== undefined)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function read(provider: string, file: string): Recording | undefined {
  const exchange = asObject(parseJson(readFileSync(`${EXCHANGES}/${provider}/${file}`, "utf8"))) ?? {};
  const request = asObject(exchange.request) ?? {};
  const response = asObject(exchange.response) ?? {};
  const [path = "", query = ""] = (asString(request.path) ?? "").split("?");
  const wire = wireOf(provider, path);
  if (wire === undefined) return undefined;
  const name = file.replace(/\.json$/, "");
  const { bytes, documents, streamed } = answerOf(response);
  const body = asObject(request.body);
  const status = Number(response.status);
  const asksStream = body?.stream === true || /streamGenerateContent|-stream$/.test(path);
  return {
    id: `${provider}--${name}`,
    provider,
    name,
    wire,
    path,
    query,
    request: body,
    status,
    headers: (asObject(response.headers) ?? {}) as Record<string, string>,
    bytes,
    documents,
    streamed: streamed || (status >= 400 && asksStream),
    model: modelOf(path, body, documents) ?? "model",
  };
}

function answerOf(response: JsonObject): { bytes: Uint8Array; documents: JsonObject[]; streamed: boolean } {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  if (response.sse !== undefined) {
    const text = asArray(response.sse).join("");
    return { bytes: encode(text), documents: sseDocuments(text), streamed: true };
  }
  if (response.ndjson !== undefined) {
    const text = asArray(response.ndjson).join("");
    return { bytes: encode(text), documents: objects(text.split("\n").map(parseJson)), streamed: true };
  }
  const base64 = asString(response.eventstream_base64);
  if (base64 !== undefined) {
    const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
    return { bytes, documents: eventStreamPayloads(bytes), streamed: true };
  }
  const text = asString(response.text) ?? JSON.stringify(response.body ?? null);
  return { bytes: encode(text), documents: objects([response.body]), streamed: false };
}

/** The JSON objects among the events of a stream of server-sent events. */
export function sseDocuments(text: string): JsonObject[] {
  const events = text.split(/\r?\n\r?\n/).map((block) =>
    block
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).trim())
      .join("\n"),
  );
  return objects(events.map(parseJson));
}

function objects(values: readonly (Json | undefined)[]): JsonObject[] {
  return values.map(asObject).filter((value) => value !== undefined);
}

function modelOf(path: string, body: JsonObject | undefined, documents: readonly JsonObject[]): string | undefined {
  const inPath = /\/(?:model|deployments)\/([^/]+)\/|\/models\/([^/:]+):/.exec(path)?.slice(1).find(Boolean);
  if (inPath !== undefined) return decodeURIComponent(inPath);
  const named = asString(body?.model);
  if (named !== undefined) return named;
  for (const document of documents) {
    const model = asString(document.model) ?? asString(asObject(document.message)?.model);
    if (model !== undefined) return model;
  }
  return undefined;
}
