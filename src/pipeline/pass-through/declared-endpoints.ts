import { asArray, asBoolean, asNumber, asObject, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { type PassThroughTarget, passThroughDeployment, serviceProvider } from "./pass-through-targets.ts";

/** One of the operator's `pass_through_endpoints`. */
export interface DeclaredEndpoint {
  readonly path: string;
  /** Without a trailing slash. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a key is needed; default yes. */
  readonly auth: boolean;
  /** Whether paths below it are passed on, too. */
  readonly subpaths: boolean;
  /** Parameters that the caller does not set. */
  readonly query: Readonly<Record<string, string>>;
  /** Empty: all. */
  readonly methods: readonly string[];
  readonly forwardHeaders: boolean;
  /** Seconds. */
  readonly timeout: number | undefined;
  readonly passThrough: PassThroughTarget;
}

const known = new WeakMap<Snapshot, readonly DeclaredEndpoint[]>();

export function declaredEndpoints(snapshot: Snapshot): readonly DeclaredEndpoint[] {
  let endpoints = known.get(snapshot);
  if (endpoints === undefined) {
    endpoints = asArray(snapshot.general.raw.pass_through_endpoints).filter(isObject).flatMap(declaredEndpoint);
    known.set(snapshot, endpoints);
  }
  return endpoints;
}

/** Exact paths first, then the longest that has paths below it. */
export function endpointFor(
  endpoints: readonly DeclaredEndpoint[],
  method: string,
  path: string,
): DeclaredEndpoint | undefined {
  const takes = ({ methods }: DeclaredEndpoint): boolean => methods.length === 0 || methods.includes(method);
  const exact = endpoints.find((endpoint) => endpoint.path === path && takes(endpoint));
  if (exact !== undefined) return exact;
  return endpoints
    .filter((endpoint) => endpoint.subpaths && path.startsWith(`${endpoint.path}/`) && takes(endpoint))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}

function declaredEndpoint(raw: JsonObject): readonly DeclaredEndpoint[] {
  const written = asString(raw.path);
  const target = asString(raw.target)?.replace(/\/+$/, "");
  if (written === undefined || target === undefined || !URL.canParse(target)) return [];
  const path = `/${written.replace(/^\/+|\/+$/g, "")}`;
  const headers = { ...asObject(raw.headers) };
  // LiteLLM lets this switch stand among the headers, too.
  const forwarded = asBoolean(raw.forward_headers) ?? headers.forward_headers === true;
  const cost = raw.cost_per_request;
  const deployment = passThroughDeployment(
    asString(raw.id) ?? path,
    "pass_through",
    { base: target, headers: {}, credentials: {} },
    typeof cost === "number" || typeof cost === "string" ? cost : 0,
  );
  const provider = serviceProvider({ prefix: "pass_through", label: new URL(target).host });
  return [
    {
      path,
      target,
      headers: texts(headers),
      auth: raw.auth !== false,
      subpaths: raw.include_subpath === true,
      query: texts(asObject(raw.default_query_params) ?? {}),
      methods: asArray(raw.methods).flatMap((method) => (typeof method === "string" ? [method.toUpperCase()] : [])),
      forwardHeaders: forwarded,
      timeout: asNumber(raw.timeout),
      passThrough: { deployment, provider },
    },
  ];
}

/** Header names in lower case; what is no text or number is no header. */
function texts(values: JsonObject): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "string" || typeof value === "number") result[name.toLowerCase()] = String(value);
  }
  return result;
}
