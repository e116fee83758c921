import type { z } from "zod";
import type { Permission } from "../auth/permissions.ts";
import type { Principal } from "../auth/principal.ts";
import type { Json, JsonObject } from "../json/json.ts";
import type { Management } from "./management.ts";
import { decodeQuery, parseInput, type QuerySchemas } from "./parse-input.ts";

export type ManagementMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What comes from the server, unchecked but for the caller's permission. */
export interface IncomingRequest {
  readonly management: Management;
  readonly principal: Principal | undefined;
  /** Path parameters, URL-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly search: URLSearchParams;
  readonly headers: Headers;
  /** The path as it was called, for messages. */
  readonly path: string;
  /** The parsed body; `{}` where there is none. */
  readonly body: JsonObject;
}

/** What a handler gets: body and query are as their schemas say. */
export interface ManagementRequest<Body, Query> extends Omit<IncomingRequest, "principal" | "search" | "body"> {
  readonly principal: Principal;
  readonly body: Body;
  readonly query: Query;
}

/** One operation of the management API, as the server's route table and the OpenAPI document need it. */
export interface ManagementRoute {
  readonly method: ManagementMethod;
  readonly path: string;
  readonly aliases?: readonly string[];
  readonly permission: Permission;
  readonly summary: string;
  readonly tag: string;
  readonly bodySchema?: z.ZodObject;
  readonly querySchemas?: QuerySchemas;
  readonly handle: (request: IncomingRequest) => Promise<Json | Response>;
}

type QueryOf<Q extends QuerySchemas> = { readonly [K in keyof Q]: z.output<Q[K]> };

interface Definition<B extends z.ZodObject, Q extends QuerySchemas> {
  readonly method: ManagementMethod;
  readonly path: string;
  readonly aliases?: readonly string[];
  readonly permission: Exclude<Permission, "public">;
  readonly summary: string;
  readonly tag: string;
  /** What the body may hold; anything else is left out, as LiteLLM does. */
  readonly body?: B;
  readonly query?: Q;
  readonly handle: (
    request: ManagementRequest<z.output<B>, QueryOf<Q>>,
  ) => Promise<Json | Response | object> | Json | Response | object;
}

/**
 * Describes a route whose body and query are checked before its handler runs; what does not fit is refused with status
 * 422 in FastAPI's form. The handler returns JSON, or a whole response.
 *
 * @example
 * route({
 *   method: "POST", path: "/tag/delete", permission: "admin", tag: "tag management", summary: "Delete a tag",
 *   body: z.object({ name: z.string() }),
 *   handle: ({ body, management }) => deleteTag(management, body.name),
 * });
 */
export function route<B extends z.ZodObject, Q extends QuerySchemas>(definition: Definition<B, Q>): ManagementRoute {
  const { body: bodySchema, query: querySchemas, handle, ...described } = definition;
  return {
    ...described,
    ...(bodySchema === undefined ? {} : { bodySchema }),
    ...(querySchemas === undefined ? {} : { querySchemas }),
    handle: async ({ principal, search, body, ...rest }) => {
      if (principal === undefined) throw new TypeError(`${definition.path} was reached without a caller`);
      const query = querySchemas === undefined ? {} : decodeQuery(querySchemas, search);
      const checked = bodySchema === undefined ? body : parseInput(bodySchema, body, "body");
      return (await handle({
        ...rest,
        principal,
        body: checked as z.output<B>,
        query: query as QueryOf<Q>,
      })) as Json | Response;
    },
  };
}
