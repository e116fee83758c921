import { LIST_MEMBER } from "../formats/huggingface-generate/response.ts";
import { parseJson } from "../json/json.ts";

/** An answer that is a JSON list, as an object that holds it; every other answer as it came. */
export async function wrapList(response: Response): Promise<Response> {
  if (!response.ok || response.headers.get("content-type")?.includes("json") !== true) return response;
  const text = await response.text();
  const body = parseJson(text);
  const init = { status: response.status, headers: { "content-type": "application/json" } };
  return new Response(Array.isArray(body) ? JSON.stringify({ [LIST_MEMBER]: body }) : text, init);
}
