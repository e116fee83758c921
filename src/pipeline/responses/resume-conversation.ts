import type { Principal } from "../../auth/principal.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, isObject, type Json, type JsonObject } from "../../json/json.ts";
import { replaceStringMember } from "../../json/patch.ts";
import type { ResponseOwner, StoredResponse } from "../../store/responses/response-table.ts";
import type { Gateway } from "../gateway.ts";
import type { RequestContext } from "../request-context.ts";
import { keptItems } from "./provider-responses.ts";
import { isOwnResponseId, ownResponseId, type ResponseReference } from "./response-id.ts";

/** Another process may be about to write what it has just answered. */
const TRIES = 5;
const BETWEEN_TRIES_MS = 100;

/**
 * Makes a Responses request whole. What `previous_response_id` or an item reference stands for is put into the input
 * where the gateway keeps it, or where the provider that keeps it is not the one that is asked; else the request is bound
 * to that provider's deployment.
 */
export async function resumeConversation(gateway: Gateway, context: RequestContext): Promise<RequestContext> {
  const { body } = context;
  const ownId = ownResponseId(context.id);
  const store = body.store !== false;
  const keeping = gateway.responses;
  const asked = body.previous_response_id;
  const whole: RequestContext = {
    ...context,
    response: { keeping, ownId, previous: undefined, previousOwnId: undefined, input: body.input, store },
  };
  const input = await withReferences(gateway, context, body.input);
  const changed = input === body.input ? whole : withInput(whole, body, input);
  if (typeof asked !== "string") return changed;

  const reference = ownReference(gateway, context, asked);
  if (reference === undefined) return changed;
  const response = { keeping, ownId, input: body.input, store };
  if (isOwnResponseId(reference.id)) {
    const items = await chainItems(gateway, reference.id, asked);
    const previous = { asked, upstream: undefined };
    return {
      ...withInput(changed, changed.body, [...items, ...itemsOf(input)]),
      previousDeployment: reference.deploymentId,
      response: { ...response, previous, previousOwnId: reference.id },
    };
  }
  const previous = { asked, upstream: reference.id };
  if (serves(gateway, context, reference.deploymentId)) {
    return {
      ...changed,
      body: { ...changed.body, previous_response_id: reference.id },
      text: replaceStringMember(changed.text, "previous_response_id", asked, reference.id),
      pinnedDeployment: reference.deploymentId,
      response: { ...response, previous, previousOwnId: undefined },
    };
  }
  const all = [...bare(await keptItems(gateway, context, reference)), ...itemsOf(input)];
  return {
    ...withInput(changed, changed.body, all),
    // Nobody here keeps what came before: it goes with this answer.
    response: { ...response, input: all, previous, previousOwnId: undefined },
  };
}

/**
 * What an id refers to, if the caller may know. Undefined for ids of other origin where these are allowed; throws for
 * others' ids.
 */
export function ownReference(gateway: Gateway, context: RequestContext, id: string): ResponseReference | undefined {
  const { general } = context.snapshot;
  const reference = gateway.responses.ids.read(id);
  if (reference === undefined) {
    if (general.raw.allow_unmanaged_response_ids === true) return undefined;
    throw new GatewayError(
      "invalid_request",
      `Response id '${id}' was not issued by this gateway. Set general_settings.allow_unmanaged_response_ids to pass such ids on.`,
      { param: "previous_response_id" },
    );
  }
  const secured = general.raw.disable_responses_id_security !== true;
  if (secured && !gateway.responses.ids.owns(reference, context.principal)) {
    throw new GatewayError("permission_denied", "Forbidden. The response id belongs to another user or team.", {
      param: "response_id",
    });
  }
  return reference;
}

/** A kept answer; throws where there is none (any more). */
export async function keptResponse(gateway: Gateway, id: string, asked: string): Promise<StoredResponse> {
  const found = await eventually(() => gateway.responses.store.find(id));
  if (found === undefined) throw gone(asked);
  return found;
}

async function chainItems(gateway: Gateway, id: string, asked: string): Promise<readonly JsonObject[]> {
  await keptResponse(gateway, id, asked);
  const chain = await gateway.responses.store.chain(id);
  // A part of the conversation that is gone must not be left out in silence.
  if (chain[0]?.previousId !== undefined) throw gone(asked);
  return bare(chain.flatMap(({ input, body }) => [...input, ...asArray(body.output).filter(isObject)]));
}

function gone(asked: string): GatewayError {
  return new GatewayError("invalid_request", `Previous response with id '${asked}' not found.`, {
    param: "previous_response_id",
  });
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let tries = 1; ; tries++) {
    const found = await look();
    if (found !== undefined || tries === TRIES) return found;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
  }
}

/** Items as a provider takes them that has not seen them: ids only where sealed reasoning goes with them. */
function bare(items: readonly JsonObject[]): readonly JsonObject[] {
  return items.map((item) => {
    if (item.id === undefined || (item.type === "reasoning" && typeof item.encrypted_content === "string")) return item;
    const { id: _, ...rest } = item;
    return rest;
  });
}

function itemsOf(input: Json | undefined): readonly Json[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  return asArray(input);
}

function withInput(context: RequestContext, body: JsonObject, input: Json | undefined): RequestContext {
  const { previous_response_id: _, ...rest } = body;
  const whole: JsonObject = input === undefined ? rest : { ...rest, input };
  const text = JSON.stringify(whole);
  return { ...context, body: whole, text, bytes: Buffer.byteLength(text) };
}

function serves(gateway: Gateway, context: RequestContext, deploymentId: string): boolean {
  const resolved = gateway.router.of(context.snapshot).resolve(context.requestedModel, context.principal.teamId);
  return resolved?.group.candidates.some(({ deployment }) => deployment.id === deploymentId) === true;
}

/** The id of an item of a kept answer: its number, and the answer's id. */
const ITEM_ID = /^(?:rs|msg|fc|ctc|ig|item)_gw_(?:in)?\d+_([0-9a-f]{32})$/;

/** References to items of kept answers become the items; those to a provider's own stay. */
async function withReferences(
  gateway: Gateway,
  context: RequestContext,
  input: Json | undefined,
): Promise<Json | undefined> {
  if (!Array.isArray(input) || !input.some((item) => keptItemId(item) !== undefined)) return input;
  const answers = new Map<string, StoredResponse | undefined>();
  const items: Json[] = [];
  for (const item of input as readonly Json[]) {
    const found = keptItemId(item);
    if (found === undefined) {
      items.push(item);
      continue;
    }
    const key = `gw_${found.answer}`;
    if (!answers.has(key)) answers.set(key, await eventually(() => gateway.responses.store.find(key)));
    const answer = answers.get(key);
    const whole =
      answer !== undefined && mayRead(answer.owner, context.principal)
        ? [...answer.input, ...asArray(answer.body.output).filter(isObject)].find(({ id }) => id === found.id)
        : undefined;
    if (whole === undefined) {
      throw new GatewayError(
        "not_found",
        `Item with id '${found.id}' not found. Items are not persisted when \`store\` is set to false.`,
        {
          param: "input",
        },
      );
    }
    items.push(...bare([whole]));
  }
  return items;
}

function keptItemId(item: Json): { readonly id: string; readonly answer: string } | undefined {
  // The type may be left out.
  if (!isObject(item) || typeof item.id !== "string") return undefined;
  if (item.type !== "item_reference" && !(item.type === undefined && item.role === undefined)) return undefined;
  const answer = ITEM_ID.exec(item.id)?.[1];
  return answer === undefined ? undefined : { id: item.id, answer };
}

function mayRead(owner: ResponseOwner, principal: Principal): boolean {
  if (principal.role === "proxy_admin") return true;
  const { userId, teamId } = owner;
  if (userId === undefined && teamId === undefined) return owner.keyHash === principal.keyHash;
  return (userId !== undefined && userId === principal.userId) || (teamId !== undefined && teamId === principal.teamId);
}
