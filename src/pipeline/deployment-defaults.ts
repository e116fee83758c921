import type { ConversationRequest } from "../formats/conversation.ts";
import type { Format } from "../formats/format.ts";
import { formatById } from "../formats/registry.ts";
import { ParameterReport } from "../formats/report.ts";
import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import type { Call } from "../providers/provider.ts";
import type { Deployment } from "../snapshot/snapshot.ts";

/** A deployment's own parameters, already in the wire words of each format that it was called in. */
const translated = new WeakMap<Deployment, Map<string, JsonObject>>();

/**
 * Fills in the parameters that the deployment's litellm_params set and the caller did not. They are written in OpenAI's
 * words and reach every other format by the same translation as a request.
 */
export function withDefaults(body: MutableJsonObject, deployment: Deployment, format: Format, call: Call): void {
  const fields = defaultsFor(deployment, format, call);
  for (const key in fields) {
    const given = body[key];
    if (given === undefined) body[key] = fields[key] as Json;
    else if (isObject(given) && isObject(fields[key])) body[key] = { ...fields[key], ...given };
  }
}

function defaultsFor(deployment: Deployment, format: Format, call: Call): JsonObject {
  if (format.id === "openai-chat") return deployment.defaults;
  let byFormat = translated.get(deployment);
  if (byFormat === undefined) {
    byFormat = new Map();
    translated.set(deployment, byFormat);
  }
  let fields = byFormat.get(format.id);
  if (fields === undefined) {
    fields = Object.keys(deployment.defaults).length === 0 ? {} : translateDefaults(deployment, format, call);
    byFormat.set(format.id, fields);
  }
  return fields;
}

/** What the defaults add to a request that says nothing else. */
function translateDefaults(deployment: Deployment, format: Format, call: Call): JsonObject {
  const bare = { model: call.model, messages: [] };
  const encode = (request: ConversationRequest): JsonObject =>
    format.encodeRequest(request, {
      model: call.model,
      provider: deployment.provider,
      owner: deployment.provider,
      capabilities: {},
      report: new ParameterReport(),
      modifyParams: false,
    });
  const chat = formatById("openai-chat");
  const without = encode(chat.decodeRequest(bare));
  const withThem = encode(chat.decodeRequest({ ...bare, ...deployment.defaults }));
  const added: MutableJsonObject = {};
  for (const [key, value] of Object.entries(withThem)) {
    if (JSON.stringify(value) !== JSON.stringify(without[key])) added[key] = value;
  }
  return added;
}
