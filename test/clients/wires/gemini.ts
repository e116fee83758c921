import { asArray, asObject, isObject, type JsonObject } from "../../../src/json/json.ts";
import {
  first,
  halves,
  INPUT_TOKENS,
  OUTPUT_TOKENS,
  objects,
  type Reply,
  sse,
  strangeMember,
  type Wire,
} from "./wire.ts";

const REQUEST = [
  ..."contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent serviceTier".split(" "),
  ..."labels store".split(" "),
];
const PART = [
  ..."text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode".split(" "),
  ..."codeExecutionResult videoMetadata mediaResolution".split(" "),
];
const GENERATION = [
  ..."stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount".split(" "),
  ..."maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs".split(" "),
  ..."thinkingConfig speechConfig imageConfig mediaResolution".split(" "),
];
const SCHEMA = [
  ..."type format title description nullable enum maxItems minItems properties required minProperties".split(" "),
  ..."maxProperties minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum".split(
    " ",
  ),
];

/** Google's generateContent: https://ai.google.dev/api/generate-content (2026-11-24). */
export const geminiWire: Wire = {
  complaint({ headers, path }, body, issued) {
    if (headers.get("x-goog-api-key") === null) return "API key not valid. Please pass a valid API key.";
    if (path.includes(":countTokens")) return undefined;
    return (
      unknownName(body, REQUEST, "") ??
      unknownName(asObject(body.generationConfig) ?? {}, GENERATION, "generation_config") ??
      checkSchema(asObject(body.generationConfig)?.responseSchema, "generation_config.response_schema") ??
      checkTools(body) ??
      checkContents(body, issued, /gemini-3/.test(path))
    );
  },
  streams: ({ path }) => path.includes(":streamGenerateContent"),
  whole(reply) {
    return answer(partsOf(reply), finishReason(reply));
  },
  stream(reply) {
    const pieces = partsOf(reply).flatMap((part): JsonObject[] => {
      if (typeof part.text !== "string" || part.text === "") return [part];
      const { text, thoughtSignature, ...rest } = part;
      const texts: JsonObject[] = halves(text).map((half) => ({ ...rest, text: half }));
      // A signature comes in an event of its own, with empty text.
      return thoughtSignature === undefined ? texts : [...texts, { ...rest, text: "", thoughtSignature }];
    });
    const last = pieces.length - 1;
    return sse(
      pieces.map((part, index) => ({ data: answer([part], index === last ? finishReason(reply) : undefined) })),
    );
  },
  error(status, message, type = "INVALID_ARGUMENT") {
    return Response.json({ error: { code: status, message, status: type } }, { status });
  },
};

function answer(parts: readonly JsonObject[], finish: string | undefined): JsonObject {
  return {
    candidates: [
      { content: { parts, role: "model" }, index: 0, ...(finish === undefined ? {} : { finishReason: finish }) },
    ],
    usageMetadata: {
      promptTokenCount: INPUT_TOKENS,
      candidatesTokenCount: OUTPUT_TOKENS,
      totalTokenCount: INPUT_TOKENS + OUTPUT_TOKENS,
    },
    modelVersion: "gemini-3-pro-preview",
    responseId: "resp1",
  };
}

/** Gemini 3 signs the first call of a step, or the last text where there is no call. */
function partsOf({ thinking, text, calls }: Reply): JsonObject[] {
  const seal = thinking?.signature;
  return [
    ...(thinking === undefined ? [] : [{ text: thinking.text, thought: true }]),
    ...(text === undefined
      ? []
      : [{ text, ...(seal !== undefined && calls === undefined ? { thoughtSignature: seal } : {}) }]),
    ...(calls ?? []).map(({ name, arguments: json, signature }) => ({
      functionCall: { name, args: asObject(JSON.parse(json)) ?? {} },
      ...(signature === undefined ? {} : { thoughtSignature: signature }),
    })),
  ];
}

function finishReason({ finish }: Reply): string {
  return finish === "length" ? "MAX_TOKENS" : finish === "content-filter" ? "SAFETY" : "STOP";
}

function unknownName(object: JsonObject, known: readonly string[], where: string): string | undefined {
  const extra = strangeMember(object, known);
  return extra === undefined
    ? undefined
    : `Invalid JSON payload received. Unknown name "${extra}"${where === "" ? "" : ` at '${where}'`}: Cannot find field.`;
}

function checkSchema(value: unknown, where: string): string | undefined {
  const schema = asObject(value as JsonObject);
  if (schema === undefined) return undefined;
  const wrong = unknownName(schema, SCHEMA, where);
  if (wrong !== undefined) return wrong;
  if (Array.isArray(schema.type)) return `Proto field is not repeating, cannot start list at '${where}.type'.`;
  if (asArray(schema.enum).some((item) => typeof item !== "string"))
    return `Invalid value at '${where}.enum' (TYPE_STRING)`;
  if (schema.type?.toString().toLowerCase() === "array" && schema.items === undefined)
    return `* GenerateContentRequest.${where}.items: missing field.`;
  return (
    first(Object.entries(asObject(schema.properties) ?? {}), ([name, inner]) =>
      checkSchema(inner, `${where}.properties[${name}]`),
    ) ??
    checkSchema(schema.items, `${where}.items`) ??
    first(objects(schema.anyOf), (inner, index) => checkSchema(inner, `${where}.any_of[${index}]`))
  );
}

function checkTools(body: JsonObject): string | undefined {
  return first(objects(body.tools), (tool, index) =>
    first(objects(tool.functionDeclarations), (declaration, at) => {
      const where = `tools[${index}].function_declarations[${at}]`;
      const known = ["name", "description", "parameters", "parametersJsonSchema", "response", "behavior"];
      if (!/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/.test(String(declaration.name)))
        return `${where}.name: Invalid function name. Must start with a letter or an underscore.`;
      return (
        unknownName(declaration, [...known, "responseJsonSchema"], where) ??
        checkSchema(declaration.parameters, `${where}.parameters`)
      );
    }),
  );
}

function checkContents(body: JsonObject, issued: ReadonlySet<string>, signs: boolean): string | undefined {
  const contents = objects(body.contents);
  if (contents.length === 0) return "* GenerateContentRequest.contents: contents is not specified";
  // The current turn begins with the last content of a user that is more than the responses of functions.
  const turn = contents.findLastIndex(
    ({ role, parts }) => role === "user" && objects(parts).some((part) => part.functionResponse === undefined),
  );
  return first(contents, (content, index) => {
    const where = `contents[${index}]`;
    const parts = objects(content.parts);
    if (content.role !== "user" && content.role !== "model") return "Please use a valid role: user, model.";
    if (parts.length === 0) return `* GenerateContentRequest.${where}.parts: contents.parts must not be empty.`;
    const wrong = first(parts, (part, at) => checkPart(part, `${where}.parts[${at}]`, issued));
    if (wrong !== undefined) return wrong;
    const calls = parts.filter((part) => part.functionCall !== undefined);
    if (calls.length > 0) {
      const responses = objects(contents[index + 1]?.parts).filter((part) => part.functionResponse !== undefined);
      if (responses.length !== calls.length)
        return "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
      if (index === 0 || contents[index - 1]?.role !== "user")
        return "Please ensure that function call turn comes immediately after a user turn or after a function response turn.";
      const [leading] = calls;
      if (signs && index > turn && leading?.thoughtSignature === undefined)
        return "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly.";
    }
    const answered = parts.some((part) => part.functionResponse !== undefined);
    return answered && !objects(contents[index - 1]?.parts).some((part) => part.functionCall !== undefined)
      ? "Please ensure that function response turn comes immediately after a function call turn."
      : undefined;
  });
}

function checkPart(part: JsonObject, where: string, issued: ReadonlySet<string>): string | undefined {
  const wrong = unknownName(part, PART, where);
  if (wrong !== undefined) return wrong;
  const data = ["text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode"];
  const held = data.filter((name) => part[name] !== undefined);
  if (held.length !== 1) return `${where}.data: required oneof field 'data' must have one initialized field`;
  const signature = part.thoughtSignature;
  if (signature !== undefined && signature !== "skip_thought_signature_validator" && !issued.has(String(signature)))
    return "Corrupted thought signature.";
  const response = asObject(part.functionResponse);
  if (response !== undefined && !isObject(response.response))
    return `Invalid value at '${where}.function_response.response'`;
  const call = asObject(part.functionCall);
  if (call !== undefined && call.args !== undefined && !isObject(call.args))
    return `Invalid value at '${where}.function_call.args'`;
  const uri = asObject(part.fileData)?.fileUri;
  if (typeof uri === "string" && !/^https:\/\/(generativelanguage\.googleapis\.com|www\.youtube\.com)\//.test(uri))
    return `Invalid or unsupported file uri: ${uri}`;
  const inline = asObject(part.inlineData);
  return inline !== undefined && !/^[\w.+-]+\/[\w.+-]+$/.test(String(inline.mimeType))
    ? `Unable to process input image: ${inline.mimeType}`
    : undefined;
}
