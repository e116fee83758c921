import type { z } from "zod";
import type { Permission } from "../auth/permissions.ts";
import type { Principal } from "../auth/principal.ts";
import type { FormatId } from "../formats/conversation.ts";
import type { Peers } from "./client-address.ts";
import type { Services } from "./services.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a handler gets of one request. */
export interface RouteRequest {
  readonly services: Services;
  readonly request: Request;
  /** Path parameters, URL-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Undefined on public routes that were called without a key. */
  readonly principal: Principal | undefined;
  /** The client's address, through proxies that are trusted; undefined on a socket without one. */
  readonly client: string | undefined;
  readonly peers: Peers;
}

export interface Route {
  readonly method: Method;
  /** `{name}` matches one segment, `{name...}` the shortest run of segments that lets the rest match. */
  readonly path: string;
  /** Other paths of the same operation. */
  readonly aliases?: readonly string[];
  readonly permission: Permission;
  /** In whose words errors are told; default OpenAI's. */
  readonly errorFormat?: FormatId;
  /** The key may come as `?key=`, as Google's clients send it. */
  readonly queryKey?: boolean;
  /** It becomes a WebSocket: the key may stand among its protocols. */
  readonly socket?: boolean;
  readonly summary: string;
  readonly tag: string;
  /** Schemas for the OpenAPI document. */
  readonly body?: z.ZodType;
  readonly response?: z.ZodType;
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly handle: (request: RouteRequest) => Promise<Response> | Response;
}
