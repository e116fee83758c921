import type { Deployment } from "../snapshot/snapshot.ts";
import type { UpstreamHeaders } from "../upstream/transport.ts";
import { secretsOf, withoutSecrets } from "./deployment-secrets.ts";

/** Fields of one hop, and of the body's form on it, which the client gets in another. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-encoding",
  "content-length",
  "date",
  "set-cookie",
]);

const RATE_LIMITS = "x-ratelimit-";

/** Echoes the provider's answer headers under `llm_provider-`; its rate limits and request id under their own names, too. */
export function echoProviderHeaders(from: UpstreamHeaders, to: Headers, deployment: Deployment): void {
  const secrets = secretsOf(deployment);
  from.forEach((sent, name) => {
    if (HOP_BY_HOP.has(name)) return;
    const value = withoutSecrets(sent, secrets);
    to.set(echoedName(name), value);
    if (name.startsWith(RATE_LIMITS)) to.set(name, value);
    else if (name === "x-request-id" || name === "request-id") to.set("request-id", value);
  });
}

/** Names that providers send; a bounded number, since they come from outside. */
const echoedNames = new Map<string, string>();
const MOST_NAMES = 1_000;

function echoedName(name: string): string {
  let echoed = echoedNames.get(name);
  if (echoed === undefined) {
    echoed = `llm_provider-${name}`;
    if (echoedNames.size >= MOST_NAMES) echoedNames.clear();
    echoedNames.set(name, echoed);
  }
  return echoed;
}

/** The same as a plain object, for errors. */
export function providerHeaders(from: UpstreamHeaders, deployment: Deployment): Record<string, string> {
  const headers = new Headers();
  echoProviderHeaders(from, headers, deployment);
  return Object.fromEntries(headers.entries());
}
