import { asObject, isObject, type JsonObject } from "../../../src/json/json.ts";
import { eventStreamMessage } from "../../support/event-stream-message.ts";
import { first, halves, INPUT_TOKENS, OUTPUT_TOKENS, objects, type Reply, strangeMember, type Wire } from "./wire.ts";

const REQUEST = [
  ..."messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields".split(" "),
  ..."additionalModelResponseFieldPaths performanceConfig promptVariables requestMetadata outputConfig serviceTier".split(
    " ",
  ),
];
const BLOCKS = [
  ..."text image document video audio toolUse toolResult guardContent cachePoint reasoningContent".split(" "),
  ..."citationsContent searchResult".split(" "),
];

/** Bedrock's Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (2026-11-24). */
export const bedrockWire: Wire = {
  complaint({ headers, path }, body, issued) {
    if (!/^(AWS4-HMAC-SHA256|Bearer) /.test(headers.get("authorization") ?? "")) return "Missing Authentication Token";
    if (path.endsWith("/count-tokens")) return asObject(body.input) === undefined ? "input is required" : undefined;
    const extra = strangeMember(body, REQUEST);
    if (extra !== undefined) return `Malformed input request: #: extraneous key [${extra}] is not permitted`;
    return (
      first(objects(body.system), (block, index) => checkBlock(block, `system.${index}`, issued)) ??
      checkTools(body) ??
      checkMessages(body, issued, path.includes("anthropic"))
    );
  },
  streams: ({ path }) => path.endsWith("/converse-stream"),
  whole(reply) {
    return {
      output: { message: { role: "assistant", content: contentOf(reply) } },
      stopReason: stopReason(reply),
      usage: {
        inputTokens: INPUT_TOKENS,
        outputTokens: OUTPUT_TOKENS,
        totalTokens: INPUT_TOKENS + OUTPUT_TOKENS,
      },
      metrics: { latencyMs: 10 },
    };
  },
  stream(reply) {
    const messages: Uint8Array[] = [];
    const say = (type: string, payload: JsonObject): void => {
      const headers = { ":event-type": type, ":content-type": "application/json", ":message-type": "event" };
      messages.push(eventStreamMessage(headers, JSON.stringify(payload)));
    };
    say("messageStart", { role: "assistant" });
    for (const [contentBlockIndex, block] of contentOf(reply).entries()) {
      const use = asObject(block.toolUse);
      if (use !== undefined) {
        const { toolUseId, name } = use;
        say("contentBlockStart", { contentBlockIndex, start: { toolUse: { toolUseId, name } } });
      }
      for (const delta of deltasOf(block)) say("contentBlockDelta", { contentBlockIndex, delta });
      say("contentBlockStop", { contentBlockIndex });
    }
    say("messageStop", { stopReason: stopReason(reply) });
    const { usage, metrics } = bedrockWire.whole(reply);
    say("metadata", { usage, metrics });
    return new Response(Buffer.concat(messages), { headers: { "content-type": "application/vnd.amazon.eventstream" } });
  },
  error(status, message, type = "ValidationException") {
    return Response.json(
      { message },
      { status, headers: { "x-amzn-errortype": `${type}:http://internal.amazon.com/` } },
    );
  },
};

function contentOf({ thinking, text, calls }: Reply): JsonObject[] {
  return [
    ...(thinking === undefined
      ? []
      : [{ reasoningContent: { reasoningText: { text: thinking.text, signature: thinking.signature ?? "" } } }]),
    ...(text === undefined ? [] : [{ text }]),
    ...(calls ?? []).map(({ id, name, arguments: json }) => ({
      toolUse: { toolUseId: id, name, input: asObject(JSON.parse(json)) ?? {} },
    })),
  ];
}

function deltasOf(block: JsonObject): JsonObject[] {
  const use = asObject(block.toolUse);
  if (use !== undefined) return halves(JSON.stringify(use.input)).map((input) => ({ toolUse: { input } }));
  const reasoning = asObject(asObject(block.reasoningContent)?.reasoningText);
  if (reasoning !== undefined) {
    const texts = halves(String(reasoning.text)).map((text): JsonObject => ({ reasoningContent: { text } }));
    return [...texts, { reasoningContent: { signature: reasoning.signature ?? "" } }];
  }
  return halves(String(block.text)).map((text) => ({ text }));
}

function stopReason({ calls, finish }: Reply): string {
  if (finish === "length") return "max_tokens";
  if (finish === "content-filter") return "content_filtered";
  return calls === undefined ? "end_turn" : "tool_use";
}

function checkTools(body: JsonObject): string | undefined {
  const config = asObject(body.toolConfig);
  const tools = objects(config?.tools);
  if (config !== undefined && tools.length === 0)
    return "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1";
  if (config === undefined && /"tool(?:Use|Result)":/.test(JSON.stringify(body.messages)))
    return "The toolConfig field must be defined when using toolUse and toolResult content blocks.";
  return first(tools, (tool, index) => {
    if (tool.cachePoint !== undefined || tool.systemTool !== undefined) return undefined;
    const spec = asObject(tool.toolSpec);
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(String(spec?.name)))
      return `Value at 'toolConfig.tools.${index}.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+`;
    if (spec?.description === "") return `Invalid length for parameter toolConfig.tools[${index}].toolSpec.description`;
    return asObject(asObject(spec?.inputSchema)?.json)?.type === "object"
      ? undefined
      : `The value at toolConfig.tools.${index}.toolSpec.inputSchema.json.type must be one of the following: object.`;
  });
}

function checkMessages(body: JsonObject, issued: ReadonlySet<string>, claude: boolean): string | undefined {
  const messages = objects(body.messages);
  if (messages[0]?.role !== "user")
    return "A conversation must start with a user message. Try again with a conversation that starts with a user message.";
  const thinks = asObject(asObject(body.additionalModelRequestFields)?.thinking)?.type === "enabled";
  return first(messages, (message, index) => {
    const where = `messages.${index}`;
    const content = objects(message.content);
    if (messages[index - 1]?.role === message.role)
      return `A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.`;
    if (content.length === 0)
      return `The content field in the Message object at ${where} is empty. Add a ContentBlock object to the content field and try again.`;
    const wrong = first(content, (block, at) => checkBlock(block, `${where}.content.${at}`, issued));
    if (wrong !== undefined) return wrong;
    const uses = content.flatMap((block) => asObject(block.toolUse)?.toolUseId ?? []);
    const results = content.flatMap((block) => asObject(block.toolResult)?.toolUseId ?? []);
    if (message.role === "assistant") {
      const answers = objects(messages[index + 1]?.content).flatMap(
        (block) => asObject(block.toolResult)?.toolUseId ?? [],
      );
      const open = uses.filter((id) => !answers.includes(id));
      if (open.length > 0)
        return `Expected toolResult blocks at messages.${index + 1}.content for the following Ids: ${open.join(", ")}`;
      if (
        claude &&
        thinks &&
        uses.length > 0 &&
        index === messages.length - 2 &&
        content[0]?.reasoningContent === undefined
      )
        return `The model returned the following errors: ${where}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`tool_use\`.`;
      return undefined;
    }
    const called = objects(messages[index - 1]?.content).flatMap((block) => asObject(block.toolUse)?.toolUseId ?? []);
    return results.every((id) => called.includes(id))
      ? undefined
      : `The number of toolResult blocks at ${where}.content exceeds the number of toolUse blocks of previous turn.`;
  });
}

function checkBlock(block: JsonObject, where: string, issued: ReadonlySet<string>): string | undefined {
  const names = Object.keys(block);
  const [name] = names;
  if (names.length !== 1 || !BLOCKS.includes(name ?? ""))
    return `The value at ${where} is not a valid ContentBlock: ${names.join(", ")}`;
  if (name === "text")
    return String(block.text).trim() === ""
      ? `The text field in the ContentBlock object at ${where} is blank. Add text to the text field, and try again.`
      : undefined;
  const use = asObject(block.toolUse);
  if (use !== undefined) {
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(String(use.toolUseId)))
      return `Value '${use.toolUseId}' at '${where}.toolUse.toolUseId' failed to satisfy constraint`;
    return isObject(use.input)
      ? undefined
      : `The format of the value at ${where}.toolUse.input is invalid. Provide a json object for the field and try again.`;
  }
  const result = asObject(block.toolResult);
  if (result !== undefined) {
    const content = objects(result.content);
    if (content.length === 0) return `The content field at ${where}.toolResult is empty.`;
    return first(content, (inner, at) => {
      if (inner.json !== undefined) return undefined;
      return checkBlock(inner, `${where}.toolResult.content.${at}`, issued);
    });
  }
  const reasoning = asObject(asObject(block.reasoningContent)?.reasoningText);
  if (reasoning !== undefined && !issued.has(String(reasoning.signature)))
    return `${where}: Invalid \`signature\` in \`thinking\` block`;
  const image = asObject(block.image);
  if (image === undefined) return undefined;
  if (!["png", "jpeg", "gif", "webp"].includes(String(image.format)))
    return `Value '${image.format}' at '${where}.image.format' failed to satisfy constraint: Member must satisfy enum value set: [jpeg, png, gif, webp]`;
  const source = asObject(image.source);
  return typeof source?.bytes === "string" || source?.s3Location !== undefined
    ? undefined
    : `The image source at ${where} is not valid`;
}
