import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import type { MutableJsonObject } from "../../json/json.ts";
import { controlsOrRefusal, NO_CONTROLS } from "../../pipeline/call-controls.ts";
import { handleOperation } from "../../pipeline/handle-operation.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import type { Operation } from "../../providers/provider.ts";
import { newCallId } from "../call-id.ts";
import { BodyBroken, bodyOrRefusal, UNREAD_BODY } from "../read-body.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { answerOrRefusal } from "./refusal.ts";

interface OperationRoute {
  readonly operation: Operation;
  readonly path: string;
  readonly aliases?: readonly string[];
  readonly callType: string;
  /** How errors name the route. */
  readonly routeName: string;
  readonly summary: string;
  readonly required: readonly string[];
  /** `general_settings` key with the model that stands in where the request names none. */
  readonly defaultModel?: string;
}

/** `/x`, and under `/engines/{model}` and `/openai/deployments/{model}` where Azure's clients look for it. */
function azurePaths(path: string): readonly string[] {
  return [path, `/engines/{model...}${path}`, `/openai/deployments/{model...}${path}`];
}

const OPERATIONS: readonly OperationRoute[] = [
  {
    operation: "embeddings",
    path: "/v1/embeddings",
    aliases: azurePaths("/embeddings"),
    callType: "aembedding",
    routeName: "/embeddings",
    summary: "Vectors for texts",
    required: ["input"],
    defaultModel: "embedding_model",
  },
  {
    operation: "rerank",
    path: "/v1/rerank",
    aliases: ["/rerank", "/v2/rerank"],
    callType: "arerank",
    routeName: "/rerank",
    summary: "Documents by relevance, in Cohere's form",
    required: ["query", "documents"],
  },
  {
    operation: "image-generation",
    path: "/v1/images/generations",
    aliases: azurePaths("/images/generations"),
    callType: "aimage_generation",
    routeName: "/image/generations",
    summary: "Images from text",
    required: ["prompt"],
    defaultModel: "image_generation_model",
  },
  {
    operation: "image-edit",
    path: "/v1/images/edits",
    aliases: azurePaths("/images/edits"),
    callType: "aimage_edit",
    routeName: "/images/edits",
    summary: "Images from images and text",
    required: ["prompt"],
  },
  {
    operation: "image-variation",
    path: "/v1/images/variations",
    aliases: ["/images/variations"],
    callType: "aimage_variation",
    routeName: "/images/variations",
    summary: "Variations of an image",
    required: [],
  },
  {
    operation: "transcription",
    path: "/v1/audio/transcriptions",
    aliases: azurePaths("/audio/transcriptions"),
    callType: "atranscription",
    routeName: "/audio/transcriptions",
    summary: "Text from speech",
    required: [],
  },
  {
    operation: "translation",
    path: "/v1/audio/translations",
    aliases: ["/audio/translations"],
    callType: "atranslation",
    routeName: "/audio/translations",
    summary: "English text from speech",
    required: [],
  },
  {
    operation: "speech",
    path: "/v1/audio/speech",
    aliases: azurePaths("/audio/speech"),
    callType: "aspeech",
    routeName: "/audio/speech",
    summary: "Speech from text",
    required: ["input"],
  },
  {
    operation: "moderation",
    path: "/v1/moderations",
    aliases: ["/moderations"],
    callType: "amoderation",
    routeName: "/moderations",
    summary: "Whether a text is harmful",
    required: ["input"],
    defaultModel: "moderation_model",
  },
  {
    operation: "ocr",
    path: "/v1/ocr",
    aliases: ["/ocr"],
    callType: "aocr",
    routeName: "/ocr",
    summary: "Text of documents",
    required: ["document"],
  },
];

/** The model routes that carry no conversation. */
export const operationRoutes: readonly Route[] = OPERATIONS.map((kind) => ({
  method: "POST" as const,
  path: kind.path,
  ...(kind.aliases === undefined ? {} : { aliases: kind.aliases }),
  permission: "key" as const,
  summary: kind.summary,
  tag: kind.routeName.slice(1),
  body: z.looseObject({ model: z.string().optional() }),
  handle: (request: RouteRequest) => serve(request, kind),
}));

async function serve(route: RouteRequest, kind: OperationRoute): Promise<Response> {
  const { services, request, principal } = route;
  if (principal === undefined) throw internalError();
  const snapshot = services.snapshot();
  const multipart = (request.headers.get("content-type") ?? "").startsWith("multipart/form-data");
  const limit = snapshot.general.maxRequestSizeBytes;
  const uploaded = multipart ? await readForm(request, limit) : undefined;
  const read = uploaded === undefined ? await bodyOrRefusal(route) : uploaded;
  const { json, text, bytes } = read instanceof GatewayError ? UNREAD_BODY : read;
  const form = uploaded instanceof GatewayError ? undefined : uploaded?.form;
  const fallback = kind.defaultModel === undefined ? undefined : snapshot.general.raw[kind.defaultModel];
  const model = route.params.model ?? json.model ?? fallback;
  const controls = controlsOrRefusal(json, request.headers, snapshot);
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    clientAddress: route.client,
    client: formatById("openai-chat"),
    operation: kind.operation,
    callType: kind.callType,
    routeName: kind.routeName,
    principal,
    snapshot,
    text,
    bytes,
    body: json,
    ...(form === undefined ? {} : { form }),
    requestedModel: typeof model === "string" ? model : "None",
    stream: json.stream === true || json.stream === "true",
    controls: controls instanceof GatewayError ? NO_CONTROLS : controls,
  };
  const run = async (): Promise<Response> => {
    if (read instanceof GatewayError) throw read;
    if (controls instanceof GatewayError) throw controls;
    const missing = kind.required.find((field) => json[field] === undefined || json[field] === null);
    if (missing !== undefined) {
      throw new GatewayError("invalid_request", `${kind.routeName}: Missing required parameter: '${missing}'.`, {
        param: missing,
      });
    }
    return handleOperation(services, context);
  };
  return answerOrRefusal(services, context, "openai-chat", run, true);
}

async function readForm(
  request: Request,
  limit: number,
): Promise<{ json: MutableJsonObject; text: string; bytes: number; form: FormData } | GatewayError> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limit) {
    return new GatewayError(
      "request_too_large",
      `Request size is too large. Max size is ${Math.round(limit / 1_048_576)} MB`,
      { param: "request_body" },
    );
  }
  let form: FormData;
  try {
    form = await request.formData();
  } catch (cause) {
    if (request.signal.aborted) throw new BodyBroken("the form ended before it was complete", { cause });
    return new GatewayError("invalid_request", "Invalid form: it cannot be read as multipart/form-data", {
      param: "request_body",
      cause,
    });
  }
  const json: MutableJsonObject = {};
  for (const [name, value] of form.entries()) {
    if (typeof value !== "string") continue;
    const given = json[name];
    if (given === undefined) json[name] = value;
    else json[name] = [...(Array.isArray(given) ? given : [given]), value];
  }
  return { json, text: "", bytes: declared, form };
}
