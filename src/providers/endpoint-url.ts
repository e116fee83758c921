import type { Call, Endpoint } from "./provider.ts";

/** The URL of a call: the target's base, the endpoint's path with `{model}` filled in, and the target's query. */
export function endpointUrl(endpoint: Endpoint, call: Call): string {
  const { target } = call;
  let url = target.base;
  if (target.exactUrl !== true) {
    const path = typeof endpoint.path === "string" ? endpoint.path : endpoint.path(call);
    const filled = path.includes("{model}") ? path.replace("{model}", encodePath(call.model)) : path;
    // An endpoint on another host names it.
    url = filled.startsWith("http") ? filled : url + filled;
  }
  if (target.query !== undefined) {
    for (const [name, value] of Object.entries(target.query)) {
      url += `${url.includes("?") ? "&" : "?"}${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
    }
  }
  return url;
}

/** URL-encodes a model name for use in a path; its slashes and colons stay. */
export function encodePath(model: string): string {
  return encodeURIComponent(model).replaceAll("%2F", "/").replaceAll("%3A", ":");
}
