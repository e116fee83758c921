import type { ConfigureProblem } from "./provider.ts";

export interface BaseUrl {
  /** Scheme, host and path, without a trailing slash. */
  readonly base: string;
  readonly host: string;
  /** Path without a trailing slash; empty for a bare host. */
  readonly path: string;
  /** The query that was written into the base. */
  readonly query: Readonly<Record<string, string>> | undefined;
}

/** Paths that people copy into `api_base` together with the base; longest first. */
const ENDPOINT_PATHS = [
  "/chat/completions",
  "/completions",
  "/embeddings",
  "/responses",
  "/rerank",
  "/images/generations",
  "/images/edits",
  "/images/variations",
  "/audio/transcriptions",
  "/audio/translations",
  "/audio/speech",
  "/moderations",
];

/** Takes an `api_base` apart, or says what is wrong with it. */
export function parseBase(value: string): BaseUrl | ConfigureProblem {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    return {
      code: "invalid_value",
      key: "api_base",
      message: `api_base must be a URL that begins with http:// or https://, not ${JSON.stringify(value)}.`,
    };
  }
  const url = new URL(value);
  const path = url.pathname.replace(/\/+$/, "");
  const query = url.searchParams.size > 0 ? Object.fromEntries(url.searchParams) : undefined;
  const login = url.username === "" ? "" : `${url.username}${url.password === "" ? "" : `:${url.password}`}@`;
  return { base: `${url.protocol}//${login}${url.host}${path}`, host: url.host, path, query };
}

/** The same base without the endpoint's own path, so that each endpoint can append its path exactly once. */
export function withoutPath(base: BaseUrl, endings: readonly string[] = ENDPOINT_PATHS): BaseUrl {
  const ending = endings.find((candidate) => base.path.endsWith(candidate));
  if (ending === undefined) return base;
  const cut = (text: string) => text.slice(0, -ending.length).replace(/\/+$/, "");
  return { ...base, base: cut(base.base), path: cut(base.path) };
}
