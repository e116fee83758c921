type Environment = Readonly<Record<string, string | undefined>>;

/** The first of the variables that is set and not empty. */
function first(environment: Environment, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

/** Redis's address: `REDIS_URL`, else its parts; undefined when there is neither. */
export function redisAddress(environment: Environment): string | undefined {
  const url = first(environment, "REDIS_URL");
  if (url !== undefined) return url;
  const host = first(environment, "REDIS_HOST");
  if (host === undefined) return undefined;
  const user = first(environment, "REDIS_USERNAME") ?? "";
  const password = first(environment, "REDIS_PASSWORD");
  const login = password === undefined ? "" : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  const scheme = first(environment, "REDIS_SSL")?.toLowerCase() === "true" ? "rediss" : "redis";
  return `${scheme}://${login}${host}:${first(environment, "REDIS_PORT") ?? "6379"}/${first(environment, "REDIS_DB") ?? "0"}`;
}

/** An address without what is secret in it. */
export function shownAddress(address: string): string {
  if (!URL.canParse(address)) return "(not a URL)";
  const url = new URL(address);
  const user = url.username === "" ? "" : `${decodeURIComponent(url.username)}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}`;
}
