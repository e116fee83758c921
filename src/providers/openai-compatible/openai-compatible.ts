import type { FormatId, SealOwner } from "../../formats/conversation.ts";
import type { JsonObject } from "../../json/json.ts";
import type { Target } from "../../snapshot/snapshot.ts";
import { type BaseUrl, parseBase, withoutPath } from "../base-url.ts";
import { missingBase, missingKey, readBase, readKey } from "../credentials.ts";
import type {
  Call,
  ConfigureInput,
  ConfigureProblem,
  Endpoint,
  Operation,
  ParameterRules,
  Provider,
} from "../provider.ts";
import { preferredEndpoint } from "../select-endpoint.ts";
import { type ChatRepairs, finishWithToolCalls, reasoningContent, repairChat } from "./normalise.ts";

/** What a row may offer: the operations, and `responses` as a second way to hold a conversation. */
export type Capability = Exclude<Operation, "count-tokens"> | "responses";

const WIRE: Readonly<Record<Capability, { readonly format: FormatId; readonly path: string }>> = {
  chat: { format: "openai-chat", path: "/chat/completions" },
  responses: { format: "openai-responses", path: "/responses" },
  completions: { format: "openai-completions", path: "/completions" },
  embeddings: { format: "openai-chat", path: "/embeddings" },
  rerank: { format: "openai-chat", path: "/rerank" },
  "image-generation": { format: "openai-chat", path: "/images/generations" },
  "image-edit": { format: "openai-chat", path: "/images/edits" },
  "image-variation": { format: "openai-chat", path: "/images/variations" },
  transcription: { format: "openai-chat", path: "/audio/transcriptions" },
  translation: { format: "openai-chat", path: "/audio/translations" },
  speech: { format: "openai-chat", path: "/audio/speech" },
  moderation: { format: "openai-chat", path: "/moderations" },
  ocr: { format: "openai-chat", path: "/ocr" },
  realtime: { format: "openai-chat", path: "/realtime" },
};

/**
 * One OpenAI-compatible provider as data: `Authorization: Bearer`, `{base}/chat/completions`, SSE that ends with
 * `[DONE]`.
 */
export interface OpenAiCompatibleRow {
  /** LiteLLM's prefix. */
  readonly id: string;
  readonly aliases?: readonly string[];
  readonly label: string;
  /** The page that documents the API. */
  readonly documentation: string;
  /** When base, variables and quirks were last compared with their source. Default: the day the tables were taken. */
  readonly read?: string;
  /** Absent where every user has an address of their own. */
  readonly base?: string;
  /** Variables that hold the key, first present wins. */
  readonly keys: readonly string[];
  /** Variables that hold another base. */
  readonly bases?: readonly string[];
  /** Default `required`. */
  readonly key?: Provider["key"];
  /** Beyond the host of `base`, by which a bare `api_base` is recognised. */
  readonly hosts?: readonly string[];
  /** True where `api_base: https://host` means just that; elsewhere a bare host of `base` gets its path. */
  readonly bareHost?: boolean;
  readonly serves: readonly Capability[];
  /** Paths that differ from OpenAI's. */
  readonly paths?: { readonly [C in Capability]?: string | ((call: Call) => string) };
  /** Rules for chat (and completions) bodies. */
  readonly parameters?: ParameterRules;
  /** Rules for other bodies. */
  readonly rules?: { readonly [C in Capability]?: ParameterRules };
  /** Endpoints that are not of OpenAI's shape, instead of those that `serves` would make. */
  readonly endpoints?: Provider["endpoints"];
  readonly owner?: Provider["owner"];
  readonly keepsResponses?: boolean;
  readonly resources?: Provider["resources"];
  /** Extra static headers. */
  readonly headers?: (key: string | undefined, input: ConfigureInput) => Record<string, string>;
  readonly upstreamModel?: Provider["upstreamModel"];
  readonly normaliseResponse?: Endpoint["normaliseResponse"];
  readonly normaliseFrame?: Endpoint["normaliseFrame"];
  readonly frameMarks?: Endpoint["frameMarks"];
  /** Repairs of answers other than chat's. */
  readonly normalise?: { readonly [C in Capability]?: NonNullable<Endpoint["normaliseResponse"]> };
  readonly streamUsageOption?: boolean;
  readonly classifyError?: Provider["classifyError"];
  /** Replaces the default reading of base and query, for addresses that hold an account or a region. */
  readonly address?: (input: ConfigureInput, given: BaseUrl | undefined) => BaseUrl | ConfigureProblem;
}

/** Members that only this gateway and LiteLLM put into messages; no provider asks for them. */
const GATEWAY_MESSAGE_FIELDS = ["thinking_blocks", "provider_specific_fields"] as const;

export const PLAIN_CHAT_RULES: ParameterRules = { removeMessageFields: GATEWAY_MESSAGE_FIELDS };

/** Rules of a provider on top of those that hold for every OpenAI-compatible one. */
export function chatRules(rules: ParameterRules): ParameterRules {
  return {
    ...rules,
    removeMessageFields: [...GATEWAY_MESSAGE_FIELDS, ...(rules.removeMessageFields ?? [])],
  };
}

/** The day on which names, bases and variables of the rows were taken. */
const TABLES_TAKEN = "2026-11-23";

/** Makes a provider of a row. */
export function openaiCompatible(row: OpenAiCompatibleRow): Provider {
  const owner: SealOwner | ((model: string) => SealOwner) = row.owner ?? row.id;
  const hosts = [...ownHost(row.base), ...(row.hosts ?? [])];
  const endpoints = endpointsOf(row);
  return {
    id: row.id,
    ...(row.aliases === undefined ? {} : { aliases: row.aliases }),
    label: row.label,
    documentation: { url: row.documentation, read: row.read ?? TABLES_TAKEN },
    owner,
    environment: { key: row.keys, base: row.bases ?? [] },
    ...(row.base === undefined ? {} : { defaultBase: row.base }),
    hosts,
    key: row.key ?? "required",
    endpoints,
    configure: (input) => configureRow(row, input),
    upstreamModel: (model, target) => {
      const name = model.startsWith(RESPONSES_PREFIX) ? model.slice(RESPONSES_PREFIX.length) : model;
      return row.upstreamModel?.(name, target) ?? name;
    },
    ...(row.serves.includes("responses") ? { selectEndpoint: selectorOf(endpoints) } : {}),
    ...(row.keepsResponses === undefined ? {} : { keepsResponses: row.keepsResponses }),
    ...(row.resources === undefined ? {} : { resources: row.resources }),
    ...(row.classifyError === undefined ? {} : { classifyError: row.classifyError }),
  };
}

/** The host of the base, unless it is anybody's own machine. */
function ownHost(base: string | undefined): string[] {
  if (base === undefined) return [];
  const { host, hostname } = new URL(base);
  return hostname === "localhost" || hostname === "127.0.0.1" ? [] : [host];
}

/** `openai/responses/gpt-…` asks for the Responses endpoint, whatever the client speaks. */
const RESPONSES_PREFIX = "responses/";

/** What `configure` remembers of a `responses/…` model. */
export function responsesOption(model: string): JsonObject | undefined {
  return model.startsWith(RESPONSES_PREFIX) ? { responses: true } : undefined;
}

/** Chooses Responses for `responses/…` models and for those that know no other endpoint. */
export function selectorOf(endpoints: Provider["endpoints"]): NonNullable<Provider["selectEndpoint"]> {
  return (operation, client, call, preferred) => {
    const candidates = endpoints[operation];
    if (operation !== "chat" || candidates === undefined) return undefined;
    const only = call.target.options?.responses === true || call.facts.mode === "responses";
    return preferredEndpoint(candidates, client, preferred ?? (only ? "responses" : undefined));
  };
}

function endpointsOf(row: OpenAiCompatibleRow): Provider["endpoints"] {
  const endpoints: { [O in Operation]?: Endpoint[] } = {};
  for (const capability of row.serves) {
    const operation: Operation = capability === "responses" ? "chat" : capability;
    endpoints[operation] ??= [];
    endpoints[operation].push(endpointOf(row, capability));
  }
  return { ...endpoints, ...row.endpoints };
}

function endpointOf(row: OpenAiCompatibleRow, capability: Capability): Endpoint {
  const wire = WIRE[capability];
  const parameters = parametersOf(row, capability);
  const chat = capability === "chat";
  const normaliseResponse = chat ? (row.normaliseResponse ?? plainAnswer) : row.normalise?.[capability];
  return {
    format: wire.format,
    path: row.paths?.[capability] ?? wire.path,
    ...(parameters === undefined ? {} : { parameters }),
    ...(chat && row.streamUsageOption !== undefined ? { streamUsageOption: row.streamUsageOption } : {}),
    ...(normaliseResponse === undefined ? {} : { normaliseResponse }),
    ...(chat && row.normaliseFrame !== undefined ? { normaliseFrame: row.normaliseFrame } : {}),
    ...(chat && row.frameMarks !== undefined ? { frameMarks: row.frameMarks } : {}),
  };
}

const PLAIN_REPAIRS: ChatRepairs = { messages: [reasoningContent], top: [finishWithToolCalls] };

/** What any server of open models may need, and none is harmed by. */
function plainAnswer(body: JsonObject): JsonObject {
  return repairChat(body, PLAIN_REPAIRS);
}

function parametersOf(row: OpenAiCompatibleRow, capability: Capability): ParameterRules | undefined {
  const own = row.rules?.[capability];
  if (own !== undefined) return own;
  if (capability === "chat") return row.parameters === undefined ? PLAIN_CHAT_RULES : chatRules(row.parameters);
  if (capability === "completions" && row.parameters?.rename !== undefined) return { rename: row.parameters.rename };
  return undefined;
}

function configureRow(row: OpenAiCompatibleRow, input: ConfigureInput): Target | ConfigureProblem {
  const key = readKey(input, row.keys);
  if (key === undefined && (row.key ?? "required") === "required") return missingKey(row.label, row.keys);
  const address = addressOf(row, input);
  if ("code" in address) return address;
  return bearerTarget(address, key, row.headers?.(key, input), responsesOption(input.model));
}

/** A target whose calls carry the key as a bearer token, or no key at all. */
export function bearerTarget(
  address: BaseUrl,
  key: string | undefined,
  headers: Readonly<Record<string, string>> = {},
  options?: JsonObject,
): Target {
  return {
    base: address.base,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(address.query === undefined ? {} : { query: address.query }),
    credentials: {},
    ...(options === undefined ? {} : { options }),
  };
}

function addressOf(row: OpenAiCompatibleRow, input: ConfigureInput): BaseUrl | ConfigureProblem {
  const written = readBase(input, row.bases ?? []);
  const given = written === undefined ? undefined : parseBase(written);
  if (given !== undefined && isProblem(given)) return given;
  if (row.address !== undefined) return row.address(input, given);
  return resolveAddress(row.label, row.base, row.bases ?? [], given && withoutPath(given, ownPaths(row)), row.bareHost);
}

/** Paths of the row that are not OpenAI's, which may stand in `api_base` like those. */
function ownPaths(row: OpenAiCompatibleRow): string[] {
  return Object.values(row.paths ?? {}).filter((path) => typeof path === "string");
}

/** The configured base without an endpoint's path, else the default one. */
export function resolveAddress(
  label: string,
  defaultBase: string | undefined,
  variables: readonly string[],
  given: BaseUrl | undefined,
  bareHost = false,
): BaseUrl | ConfigureProblem {
  const preset = defaultBase === undefined ? undefined : parseBase(defaultBase);
  if (given === undefined) return preset ?? missingBase(label, variables);
  const base = withoutPath(given);
  // The provider's own host without its path answers nothing but 404.
  const completes = preset !== undefined && !isProblem(preset) && base.path === "" && base.host === preset.host;
  return completes && !bareHost ? { ...preset, query: base.query } : base;
}

function isProblem(value: BaseUrl | ConfigureProblem): value is ConfigureProblem {
  return "code" in value;
}
