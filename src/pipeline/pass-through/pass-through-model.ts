import { asObject, type JsonObject } from "../../json/json.ts";

/** Where in a request to a provider's own API the model's name stands. */
export interface NamedModel {
  readonly name: string;
  /** `session`: in the member `session` of the body, as realtime sessions have it. */
  readonly where: "body" | "session" | "path";
}

/** `/model/{id}/converse` (Bedrock), `/models/{id}:generateContent` (Google), `/deployments/{id}/…` (Azure). */
const IN_PATH = /(?:^|\/)(?:model|models|deployments|engines)\/([^/:?]+(?::\d+)?)/;

/** The model that a request names, if it names one. `path` has no leading slash and is still URL-encoded. */
export function namedModel(path: string, body: JsonObject): NamedModel | undefined {
  if (typeof body.model === "string" && body.model !== "") return { name: body.model, where: "body" };
  const session = asObject(body.session)?.model;
  if (typeof session === "string" && session !== "") return { name: session, where: "session" };
  const found = IN_PATH.exec(path)?.[1];
  if (found === undefined) return undefined;
  try {
    return { name: decodeURIComponent(found), where: "path" };
  } catch {
    // A malformed escape names no model.
    return undefined;
  }
}

/** The path with another model in the place of the one that it names. */
export function withModelInPath(path: string, model: string): string {
  return path.replace(IN_PATH, (whole, name: string) => whole.slice(0, -name.length) + encodeURIComponent(model));
}
