import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EXPRESSIBLE as anthropicMessages } from "../../src/formats/anthropic-messages/expressible.ts";
import { EXPRESSIBLE as bedrockAi21 } from "../../src/formats/bedrock-ai21/expressible.ts";
import { EXPRESSIBLE as bedrockCohere } from "../../src/formats/bedrock-cohere/expressible.ts";
import { EXPRESSIBLE as bedrockConverse } from "../../src/formats/bedrock-converse/expressible.ts";
import { EXPRESSIBLE as bedrockLlama } from "../../src/formats/bedrock-llama/expressible.ts";
import { EXPRESSIBLE as bedrockMistral } from "../../src/formats/bedrock-mistral/expressible.ts";
import { EXPRESSIBLE as bedrockTitan } from "../../src/formats/bedrock-titan/expressible.ts";
import { EXPRESSIBLE as cohere } from "../../src/formats/cohere/expressible.ts";
import { EXPRESSIBLE as cohereV1 } from "../../src/formats/cohere-v1/expressible.ts";
import type { ConversationRequest, FormatId } from "../../src/formats/conversation.ts";
import type { Expressible } from "../../src/formats/expressible.ts";
import type { RequestContext } from "../../src/formats/format.ts";
import { EXPRESSIBLE as gemini } from "../../src/formats/gemini/expressible.ts";
import { EXPRESSIBLE as huggingfaceGenerate } from "../../src/formats/huggingface-generate/expressible.ts";
import { EXPRESSIBLE as ollama } from "../../src/formats/ollama/expressible.ts";
import { EXPRESSIBLE as openaiChat } from "../../src/formats/openai-chat/expressible.ts";
import { EXPRESSIBLE as openaiCompletions } from "../../src/formats/openai-completions/expressible.ts";
import { EXPRESSIBLE as openaiResponses } from "../../src/formats/openai-responses/expressible.ts";
import { formatById } from "../../src/formats/registry.ts";
import { EXPRESSIBLE as replicate } from "../../src/formats/replicate/expressible.ts";
import { EXPRESSIBLE as triton } from "../../src/formats/triton/expressible.ts";
import { EXPRESSIBLE as watsonxGenerate } from "../../src/formats/watsonx-generate/expressible.ts";
import { parameterOf, type Word } from "../../src/formats/words.ts";
import { parseJson } from "../../src/json/json.ts";
import { requests } from "./conversation-arbitraries.ts";
import { requestContext } from "./recorded-exchange.ts";
import { hasForms, lost, said } from "./said.ts";

const RUNS = { seed: 20_261_126, numRuns: Number(process.env.ISTHMUS_PROPERTY_RUNS ?? 150) };

interface Target {
  readonly format: FormatId;
  readonly table: Expressible;
  readonly context: Partial<RequestContext> & { readonly model: string };
}

/** Each format as the models see it that differ in what they take. */
const TARGETS: readonly Target[] = [
  { format: "openai-chat", table: openaiChat, context: { model: "gpt-5", provider: "openai", owner: "openai" } },
  {
    format: "openai-chat",
    table: openaiChat,
    context: { model: "deepseek-chat", provider: "deepseek", owner: "deepseek" },
  },
  { format: "openai-chat", table: openaiChat, context: { model: "gemini-3-pro", provider: "gemini", owner: "gemini" } },
  {
    format: "openai-chat",
    table: openaiChat,
    context: { model: "claude", provider: "litellm_proxy", owner: "litellm_proxy" },
  },
  {
    format: "openai-responses",
    table: openaiResponses,
    context: { model: "gpt-5", provider: "openai", owner: "openai" },
  },
  { format: "openai-responses", table: openaiResponses, context: { model: "qwen", provider: "vllm", owner: "vllm" } },
  {
    format: "openai-completions",
    table: openaiCompletions,
    context: { model: "gpt-3.5-turbo-instruct", owner: "openai" },
  },
  {
    format: "anthropic-messages",
    table: anthropicMessages,
    context: { model: "claude-sonnet-4-5", provider: "anthropic", owner: "anthropic" },
  },
  {
    format: "anthropic-messages",
    table: anthropicMessages,
    context: { model: "claude-opus-4-6", provider: "anthropic", owner: "anthropic" },
  },
  {
    format: "anthropic-messages",
    table: anthropicMessages,
    context: { model: "claude-3-haiku-20240307", provider: "anthropic", owner: "anthropic" },
  },
  { format: "gemini", table: gemini, context: { model: "gemini-2.5-pro", provider: "gemini", owner: "gemini" } },
  {
    format: "gemini",
    table: gemini,
    context: { model: "gemini-3-pro-preview", provider: "vertex_ai", owner: "gemini" },
  },
  {
    format: "bedrock-converse",
    table: bedrockConverse,
    context: { model: "anthropic.claude-sonnet-4-5-v1:0", provider: "bedrock", owner: "anthropic" },
  },
  {
    format: "bedrock-converse",
    table: bedrockConverse,
    context: { model: "amazon.nova-pro-v1:0", provider: "bedrock", owner: "bedrock" },
  },
  {
    format: "bedrock-converse",
    table: bedrockConverse,
    context: { model: "meta.llama3-1-70b-instruct-v1:0", provider: "bedrock", owner: "bedrock" },
  },
  { format: "cohere", table: cohere, context: { model: "command-a-03-2025", provider: "cohere", owner: "cohere" } },
  {
    format: "cohere",
    table: cohere,
    context: { model: "command-a-reasoning", provider: "cohere", owner: "cohere", capabilities: { reasoning: true } },
  },
  { format: "ollama", table: ollama, context: { model: "qwen3", provider: "ollama", owner: "ollama" } },
];

/** Everything that went missing unnoticed, and everything that the table says wrongly. */
function faults(request: ConversationRequest, { format: id, table, context: given }: Target): string[] {
  const format = formatById(id);
  const context = requestContext(given.model, given);
  const body = format.encodeRequest(request, context);
  const decoded = format.decodeRequest({
    ...body,
    ...(format.inUrl === true ? { model: context.model, stream: request.stream ?? false } : {}),
  });
  const reported = new Set(
    context.report.changes.map(({ parameter }) =>
      parameter.replace(/\[\d+\]/g, "").replace(/(\.content)+/, ".content"),
    ),
  );
  const before = said(request);
  const after = said(decoded);
  const found: string[] = [];
  // Where only some tools may be called and the format cannot say so, the others are left out.
  const fewer = /allowed|none/.test(request.toolChoice?.type ?? "") && reported.has("tool_choice");
  for (const word of before.keys()) {
    if (fewer && /^(tools|web_search_options)/.test(word)) continue;
    const gone = lost(word, before, after);
    const expression = table[word];
    const isReported = namesOf(word, table).some((name) => reported.has(name));
    if (expression.says === "all" && gone.length > 0) found.push(`${word} is not kept: ${gone}`);
    if (expression.says === "part" && gone.length > 0 && !isReported) found.push(`${word} is lost in silence: ${gone}`);
    if (expression.says === "otherwise" && !isReported) found.push(`${word} is not reported`);
    if (expression.says === "nothing" && !isReported) found.push(`${word} is not reported`);
    if (expression.says === "nothing" && gone.length === 0 && !hasForms(word)) found.push(`${word} is kept after all`);
  }
  return found;
}

function namesOf(word: Word, table: Expressible): readonly string[] {
  const expression = table[word];
  return expression.says === "part" && expression.as !== undefined ? expression.as : [parameterOf(word)];
}

describe("a request that is written and read again has lost nothing that is not reported", () => {
  for (const target of TARGETS) {
    test(`${target.format}, ${target.context.model}`, () => {
      fc.assert(
        fc.property(requests, (request) => {
          expect(faults(request, target)).toEqual([]);
        }),
        RUNS,
      );
    });
  }
});

/** What a client of a format can have said: what is left of a request behind its own wire. */
function asClient(request: ConversationRequest, { format: id, context: given }: Target): ConversationRequest {
  const format = formatById(id);
  const body = format.encodeRequest(request, requestContext(given.model, given));
  return format.decodeRequest({ ...body, model: given.model, stream: request.stream ?? false });
}

/** Fields that only the client's format knows and that neither went along nor are reported. */
function fieldsLost(request: ConversationRequest, { format: id, context: given }: Target): string[] {
  const context = requestContext(given.model, given);
  const body = JSON.stringify(formatById(id).encodeRequest(request, context));
  const reported = new Set(context.report.changes.map(({ parameter }) => parameter));
  const names = Object.keys(request.extensions?.fields ?? {});
  return names.filter((name) => !reported.has(name) && !body.includes(JSON.stringify(name)));
}

const CLIENTS = TARGETS.filter(({ format }, index) => TARGETS.findIndex((other) => other.format === format) === index);

describe("what a client of one format said has reached a provider of another, or is reported", () => {
  for (const client of CLIENTS) {
    test(`from ${client.format} to every other`, () => {
      fc.assert(
        fc.property(requests, (request) => {
          const decoded = asClient(request, client);
          for (const target of TARGETS) {
            if (target.format === client.format) continue;
            expect([target.format, ...faults(decoded, target), ...fieldsLost(decoded, target)]).toEqual([
              target.format,
            ]);
          }
        }),
        { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 5) },
      );
    });
  }
});

/** Formats that no client speaks are not read again: what they say stands somewhere in the body. */
const PROVIDER_ONLY: readonly Target[] = [
  { format: "bedrock-ai21", table: bedrockAi21, context: { model: "ai21.j2-ultra-v1" } },
  { format: "bedrock-cohere", table: bedrockCohere, context: { model: "cohere.command-r-v1:0" } },
  { format: "bedrock-cohere", table: bedrockCohere, context: { model: "cohere.command-text-v14" } },
  { format: "bedrock-llama", table: bedrockLlama, context: { model: "meta.llama3-70b-instruct-v1:0" } },
  { format: "bedrock-mistral", table: bedrockMistral, context: { model: "mistral.mistral-7b-instruct-v0:2" } },
  { format: "bedrock-titan", table: bedrockTitan, context: { model: "amazon.titan-text-express-v1" } },
  { format: "cohere-v1", table: cohereV1, context: { model: "command" } },
  { format: "huggingface-generate", table: huggingfaceGenerate, context: { model: "tgi" } },
  { format: "sagemaker-generate", table: huggingfaceGenerate, context: { model: "endpoint" } },
  { format: "replicate", table: replicate, context: { model: "meta/meta-llama-3-70b-instruct" } },
  { format: "replicate", table: replicate, context: { model: "openai/gpt-4o" } },
  { format: "triton", table: triton, context: { model: "ensemble" } },
  { format: "watsonx-generate", table: watsonxGenerate, context: { model: "ibm/granite-13b-chat-v2" } },
];

/** Every text and number in the body, and in the JSON texts in it. */
function leaves(value: unknown): string {
  if (typeof value === "string") {
    const parsed = /^\s*[[{]/.test(value) ? parseJson(value) : undefined;
    return parsed === undefined ? value : `${value}\n${leaves(parsed)}`;
  }
  if (value === null || typeof value !== "object") return String(value);
  return Object.values(value).map(leaves).join("\n");
}

function unsaid(request: ConversationRequest, { format, table, context: given }: Target): string[] {
  const context = requestContext(given.model, given);
  const body = leaves(formatById(format).encodeRequest(request, context));
  const reported = new Set(context.report.changes.map(({ parameter }) => parameter.replace(/\[\d+\]/g, "")));
  const found: string[] = [];
  for (const [word, values] of said(request)) {
    const expression = table[word];
    const isReported = namesOf(word, table).some((name) => reported.has(name));
    if (expression.says === "nothing" || expression.says === "otherwise") {
      if (!isReported) found.push(`${word} is not reported`);
    } else if (!isReported && /^(messages\.content|stop|seed|top_k|user)$/.test(word)) {
      const missing = values
        .flatMap((text) => leaves(JSON.parse(text)).split("\n"))
        .filter((leaf) => !body.includes(leaf));
      if (missing.length > 0) found.push(`${word} is lost in silence: ${missing}`);
    }
  }
  return found;
}

describe("a request that is written for a provider only has lost nothing that is not reported", () => {
  for (const target of PROVIDER_ONLY) {
    test(`${target.format}, ${target.context.model}`, () => {
      fc.assert(
        fc.property(requests, (request) => {
          expect(unsaid(request, target)).toEqual([]);
        }),
        RUNS,
      );
    });
  }
});
