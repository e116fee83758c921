import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { Host } from "./host.ts";
import { SECRETS } from "./host.ts";

/** A `fetch` that reaches `https://isthmus.DOMAIN` as a client from outside does, whatever this machine's DNS says. */
export function publicFetch(host: Host): typeof fetch {
  const name = `isthmus.${host.domain}`;
  const call = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    url.protocol = "https:";
    url.hostname = "127.0.0.1";
    url.port = String(host.publicPort);
    const headers = new Headers(init?.headers);
    headers.set("host", name);
    return fetch(url, {
      ...init,
      headers,
      tls: { ca: host.ca, serverName: name, checkServerIdentity: () => undefined },
    });
  };
  return call as typeof fetch;
}

/** The official client, pointed at the public address. */
export function client(host: Host, apiKey: string = SECRETS.LITELLM_MASTER_KEY): OpenAI {
  return new OpenAI({ baseURL: `https://isthmus.${host.domain}/v1`, apiKey, fetch: publicFetch(host), maxRetries: 0 });
}

/** Anthropic's official client, pointed at the public address. */
export function anthropicClient(host: Host): Anthropic {
  const apiKey = SECRETS.LITELLM_MASTER_KEY;
  return new Anthropic({ baseURL: `https://isthmus.${host.domain}`, apiKey, fetch: publicFetch(host), maxRetries: 0 });
}

/** A WebSocket at the public address. */
export function publicSocket(host: Host, path: string): WebSocket {
  const name = `isthmus.${host.domain}`;
  const tls = { ca: host.ca, serverName: name, checkServerIdentity: () => undefined };
  const headers = { host: name, authorization: `Bearer ${SECRETS.LITELLM_MASTER_KEY}` };
  // The types of browsers, which know no options.
  return new WebSocket(`wss://127.0.0.1:${host.publicPort}${path}`, { headers, tls } as unknown as string[]);
}

/** How many calls the provider has seen. */
export async function upstreamCount(host: Host): Promise<number> {
  return ((await (await fetch(`${host.upstream}/count`)).json()) as { calls: number }).calls;
}
