import OpenAI, { APIError } from "openai";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../src/json/json.ts";
import { chatRequest, type OtherClient } from "./client-request.ts";
import { type Recording, sseDocuments, type Wire } from "./recordings.ts";

/** What a client got. */
export interface Outcome {
  readonly wire: Wire;
  readonly documents: readonly JsonObject[];
  /** `x-litellm-response-cost`, in US dollars. */
  readonly cost: number | undefined;
  readonly error: { readonly status: number | undefined; readonly message: string } | undefined;
}

/** Asks for the recording through Chat Completions with the official client. */
export async function askChat(recording: Recording, gateway: string, key: string): Promise<Outcome> {
  const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 });
  const documents: JsonObject[] = [];
  try {
    const body = chatRequest(recording) as unknown as OpenAI.Chat.ChatCompletionCreateParams;
    const { data, response } = await client.chat.completions.create(body).withResponse();
    if (Symbol.asyncIterator in data) {
      for await (const chunk of data) documents.push(chunk as unknown as JsonObject);
    } else documents.push(data as unknown as JsonObject);
    return { wire: "chat", documents, cost: costOf(response), error: undefined };
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    return { wire: "chat", documents, cost: undefined, error: { status: error.status, message: error.message } };
  }
}

/** Where clients of a format ask. */
function routeOf(client: OtherClient, { id, streamed }: Recording): string {
  if (client === "messages") return "/v1/messages";
  if (client === "responses") return "/v1/responses";
  return `/v1beta/models/${id}:${streamed ? "streamGenerateContent?alt=sse" : "generateContent"}`;
}

/** The client whose format the recording itself speaks, beside Chat Completions. */
export function nativeClient({ wire }: Recording): OtherClient | undefined {
  return wire === "messages" || wire === "responses" || wire === "genai" ? wire : undefined;
}

/** The recorded body itself, for a client of its own format. */
export function nativeRequest({ id, wire, request }: Recording): JsonObject {
  return wire === "genai" ? (request ?? {}) : { ...request, model: id };
}

/** Sends a body as a client of the format would. */
export async function askOther(
  recording: Recording,
  client: OtherClient,
  body: JsonObject,
  gateway: string,
  key: string,
): Promise<Outcome> {
  const response = await fetch(gateway + routeOf(client, recording), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status >= 400) {
    return {
      wire: client,
      documents: [],
      cost: undefined,
      error: { status: response.status, message: errorText(text) },
    };
  }
  const documents = recording.streamed ? sseDocuments(text) : [asObject(parseJson(text)) ?? {}];
  const failure = documents.map(streamError).find((message) => message !== undefined);
  return {
    wire: client,
    documents,
    cost: costOf(response),
    error: failure === undefined ? undefined : { status: undefined, message: failure },
  };
}

function costOf(response: Response): number | undefined {
  const cost = response.headers.get("x-litellm-response-cost");
  return cost === null ? undefined : Number(cost);
}

/** The sentence for people in an error body of any provider. */
export function errorText(text: string): string {
  const parsed = parseJson(text);
  const body = asObject(parsed) ?? asObject(asArray(parsed)[0]);
  if (body === undefined) return text;
  const error = asObject(body.error);
  const metadata = asString(asObject(error?.metadata)?.raw);
  const said =
    metadata ??
    asString(error?.message) ??
    asString(body.error) ??
    asString(body.message) ??
    asString(body.Message) ??
    asString(body.detail) ??
    asString(asObject(asArray(body.errors)[0])?.message) ??
    asString(asObject(asArray(body.detail)[0])?.msg);
  return said ?? text;
}

/** The sentence of an error that stands inside a stream. */
export function streamError(document: JsonObject): string | undefined {
  const failed = asObject(asObject(document.response)?.error);
  const error = asObject(document.error) ?? failed ?? (document.type === "error" ? document : undefined);
  if (error !== undefined) return asString(error.message) ?? JSON.stringify(error);
  const exception = Object.keys(document).find((name) => name.endsWith("Exception"));
  return exception === undefined ? undefined : (asString(asObject(document[exception])?.message) ?? exception);
}
