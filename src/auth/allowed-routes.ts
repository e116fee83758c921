import { DetailError } from "../errors/detail-error.ts";

/** Routes by the names that keys' `allowed_routes` may use for them. A trailing `*` stands for any rest. */
const OPENAI = [
  ...["chat/completions", "completions", "embeddings", "images/*", "audio/*", "moderations", "models", "models/*"],
  ...["files", "files/*", "batches", "batches/*", "fine_tuning/*", "responses", "responses/*", "rerank", "realtime"],
  ...["realtime/*", "vector_stores", "vector_stores/*", "assistants", "assistants/*", "threads", "threads/*"],
  ...["videos", "videos/*", "containers", "containers/*", "ocr", "search", "search/*"],
].flatMap((path) => [`/${path}`, `/v1/${path}`, `/openai/v1/${path}`]);

const AZURE = ["/engines/*", "/openai/deployments/*", "/v2/rerank", "/utils/token_counter"];
const ANTHROPIC = ["/v1/messages", "/v1/messages/*", "/anthropic/v1/messages", "/anthropic/v1/messages/*"];
const GOOGLE = ["/v1beta/*", "/models/*"];
const PASS_THROUGH = [
  ...["anthropic", "openai", "openai_passthrough", "azure", "azure_ai", "gemini", "vertex_ai", "vertex-ai", "bedrock"],
  ...["cohere", "mistral", "vllm", "milvus", "cursor", "langfuse", "assemblyai", "eu.assemblyai"],
].map((provider) => `/${provider}/*`);
const MCP = ["/mcp", "/mcp/*", "/mcp-rest/*", "/v1/mcp/*", "/sse", "/toolset/*"];
const AGENTS = ["/a2a/*", "/v1/agents", "/v1/agents/*"];

const KEYS = ["/key/*", "/v2/key/info"];
const INFO = [
  ...["/key/info", "/key/list", "/key/health", "/key/aliases", "/v2/key/info", "/user/info", "/v2/user/info"],
  ...["/team/info", "/team/list", "/v2/team/list", "/team/available", "/organization/info", "/organization/list"],
  ...["/model/info", "/v1/model/info", "/v2/model/info", "/model_group/info", "/models", "/models/*", "/v1/models"],
  ...["/v1/models/*", "/health"],
];
const MANAGEMENT = [
  ...KEYS,
  ...["/user/*", "/v2/user/info", "/team/*", "/v2/team/*", "/organization/*", "/project/*", "/customer/*"],
  ...["/end_user/*", "/budget/*", "/model/*", "/v1/model/*", "/v2/model/*", "/model_group/*", "/tag/*"],
  ...["/access_group/*", "/v1/access_group", "/v1/access_group/*", "/v1/unified_access_group"],
  ...["/v1/unified_access_group/*", "/credentials", "/credentials/*", "/invitation/*", "/jwt/key/mapping/*"],
];
const SPEND = ["/spend/*", "/cost/*"];
const GLOBAL_SPEND = ["/global/*"];

const LLM_API = [...OPENAI, ...AZURE, ...ANTHROPIC, ...GOOGLE, ...PASS_THROUGH, ...MCP, ...AGENTS];

export const ROUTE_GROUPS: Readonly<Record<string, readonly string[]>> = {
  llm_api_routes: LLM_API,
  openai_routes: [...OPENAI, ...AZURE],
  anthropic_routes: ANTHROPIC,
  google_routes: GOOGLE,
  passthrough_routes: PASS_THROUGH,
  mcp_routes: MCP,
  agent_routes: AGENTS,
  management_routes: MANAGEMENT,
  key_management_routes: KEYS,
  info_routes: INFO,
  spend_tracking_routes: SPEND,
  global_spend_tracking_routes: GLOBAL_SPEND,
};

/** What `key_type` puts into a new key's `allowed_routes`. */
export const KEY_TYPE_ROUTES: Readonly<Record<string, readonly string[]>> = {
  default: [],
  llm_api: ["llm_api_routes"],
  management: ["management_routes"],
  read_only: ["info_routes"],
};

/** Whether a key that names these routes, prefixes, patterns and groups may call a path. An empty list allows all. */
export function isRouteAllowed(allowed: readonly string[], path: string): boolean {
  if (allowed.length === 0) return true;
  return allowed.some((entry) => {
    const group = Object.hasOwn(ROUTE_GROUPS, entry) ? ROUTE_GROUPS[entry] : undefined;
    return group === undefined ? matches(entry, path) : group.some((pattern) => matches(pattern, path));
  });
}

/** Throws LiteLLM's refusal of a route that is not among those that the key may call. */
export function requireAllowedRoute(allowed: readonly string[], path: string): void {
  if (isRouteAllowed(allowed, path)) return;
  throw new DetailError(
    403,
    "Virtual key is not allowed to call this route. Only allowed to call routes: " +
      `[${allowed.map((entry) => `'${entry}'`).join(", ")}]. Tried to call route: ${path}`,
  );
}

/** Throws the refusal of a route that `denied_passthrough_routes` of the key or its team names. */
export function requireUndeniedRoute(denied: readonly string[] | undefined, path: string): void {
  if (denied === undefined || denied.length === 0 || !isRouteAllowed(denied, path)) return;
  throw new DetailError(
    403,
    `Virtual key is not allowed to call this pass-through route. Tried to call route: ${path}`,
  );
}

function matches(pattern: string, path: string): boolean {
  const star = pattern.indexOf("*");
  if (star === -1) return path === pattern || (pattern.startsWith("/") && path.startsWith(`${pattern}/`));
  if (star === pattern.length - 1) return path.startsWith(pattern.slice(0, -1));
  // `/a/*/b`: the pieces must follow one another, the first at the start and the last at the end.
  const pieces = pattern.split("*");
  const last = pieces[pieces.length - 1] as string;
  if (!path.startsWith(pieces[0] as string) || !path.endsWith(last)) return false;
  let at = (pieces[0] as string).length;
  for (const piece of pieces.slice(1, -1)) {
    const found = path.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= path.length - last.length;
}
