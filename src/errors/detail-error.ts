import type { Json } from "../json/json.ts";

/**
 * A refusal in FastAPI's form, `{"detail": …}`, which LiteLLM gives where it has no envelope of its own: routes that a
 * key may not call, bodies that do not fit their schema, and many routes of teams, organisations and models.
 */
export class DetailError extends Error {
  override readonly name = "DetailError";
  readonly status: number;
  readonly detail: Json;

  constructor(status: number, detail: Json) {
    super(typeof detail === "string" ? detail : JSON.stringify(detail));
    this.status = status;
    this.detail = detail;
  }
}
