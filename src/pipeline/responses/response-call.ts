import type { KeptAnswer } from "../../formats/format.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import type { Provider } from "../../providers/provider.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import type { ResponseStore } from "../../store/responses/response-store.ts";
import type { RequestContext } from "../request-context.ts";
import type { ResponseIds } from "./response-id.ts";

/** Where answers are kept, and how their ids are made. */
export interface ResponseKeeping {
  readonly ids: ResponseIds;
  readonly store: ResponseStore;
}

/** What a Responses request carries on its way, so that its answer can be asked for again. */
export interface ResponseCall {
  readonly keeping: ResponseKeeping;
  /** The id under which the gateway keeps the answer, if it does. */
  readonly ownId: string;
  /** `previous_response_id` as the client sent it, and as the provider that keeps that answer knows it. */
  readonly previous: { readonly asked: string; readonly upstream: string | undefined } | undefined;
  /** The kept answer that this one goes on from. */
  readonly previousOwnId: string | undefined;
  /** What this request adds to the conversation; as the client sent it. */
  readonly input: Json | undefined;
  /** False when the client wants nothing kept. */
  readonly store: boolean;
}

interface Served {
  readonly deployment: Deployment;
  readonly provider: Provider;
  /** The provider speaks the format itself. */
  readonly native: boolean;
}

/** What names and keeps the answer of one attempt; undefined for all but Responses requests. */
export function keptAnswer(context: RequestContext, { deployment, provider, native }: Served): KeptAnswer | undefined {
  const call = context.response;
  if (call === undefined) return undefined;
  const { ids, store } = call.keeping;
  const upstreamKeeps = native && provider.keepsResponses === true;
  const { principal } = context;
  return {
    idFor: (upstreamId) => {
      const id = upstreamKeeps && upstreamId !== undefined ? upstreamId : call.ownId;
      return ids.write({ provider: deployment.provider, deploymentId: deployment.id, id }, principal);
    },
    itemBase: call.ownId.slice("gw_".length),
    previousId: call.previous?.asked,
    keep:
      upstreamKeeps || !call.store
        ? undefined
        : (answer) => {
            const { keyHash, userId, teamId } = principal;
            store.save({
              id: call.ownId,
              owner: { keyHash, userId, teamId },
              previousId: call.previousOwnId,
              input: numberedItems(call.input, call.ownId),
              body: answer,
            });
          },
  };
}

/** An answer that passes through: its id and its predecessor's become those that the client knows. */
export class PassedAnswer {
  readonly #kept: KeptAnswer;
  readonly #upstreamPrevious: string | undefined;
  #from: string | undefined;
  #to = "";

  constructor(kept: KeptAnswer, upstreamPrevious: string | undefined) {
    this.#kept = kept;
    this.#upstreamPrevious = upstreamPrevious;
  }

  /** Text of a whole answer or of some events of a stream; ids inside texts stand between escaped quotes and stay. */
  named(text: string): string {
    if (this.#from === undefined) {
      const id = FIRST_ID.exec(text)?.[1];
      if (id === undefined) return text;
      this.#from = `"${id}"`;
      this.#to = `"${this.#kept.idFor(id)}"`;
    }
    const named = text.replaceAll(this.#from, this.#to);
    return this.#upstreamPrevious === undefined || this.#kept.previousId === undefined
      ? named
      : named.replaceAll(`"${this.#upstreamPrevious}"`, `"${this.#kept.previousId}"`);
  }

  /** Takes the last event of a stream, or the whole answer, as the provider sent it. */
  finished(data: string): void {
    const { keep } = this.#kept;
    if (keep === undefined) return;
    const body = parseJson(this.named(data));
    const answer = isObject(body) && isObject(body.response) ? body.response : body;
    if (isObject(answer)) keep(answer);
  }
}

const FIRST_ID = /"id"\s*:\s*"([^"\\]+)"/;

/** Undefined where no ids have to change. */
export function passedAnswer(context: RequestContext, kept: KeptAnswer | undefined): PassedAnswer | undefined {
  return kept === undefined ? undefined : new PassedAnswer(kept, context.response?.previous?.upstream);
}

/** The input as items, each with an id to ask for it by. */
function numberedItems(input: Json | undefined, ownId: string): readonly JsonObject[] {
  const items: readonly JsonObject[] =
    typeof input === "string"
      ? [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }]
      : Array.isArray(input)
        ? input.filter(isObject)
        : [];
  return items.map((item, index) => {
    const type = typeof item.type === "string" ? item.type : "message";
    const id = typeof item.id === "string" ? item.id : `${idPrefix(type)}_gw_in${index}_${ownId.slice(3)}`;
    return { ...item, type, id };
  });
}

function idPrefix(type: string): string {
  switch (type) {
    case "message":
      return "msg";
    case "reasoning":
      return "rs";
    case "function_call":
    case "function_call_output":
      return "fc";
    default:
      return "item";
  }
}
