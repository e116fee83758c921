import type { FormatId } from "../formats/conversation.ts";
import type { Call, Endpoint, Operation, Provider } from "./provider.ts";

/**
 * The endpoint that serves the call: the provider's own choice, else the preferred one, else the one that speaks the
 * client's format, else the first. Undefined when the provider does not offer the operation.
 */
export function selectEndpoint(
  provider: Provider,
  operation: Operation,
  client: FormatId,
  call: Call,
  preferred?: "chat" | "responses",
): Endpoint | undefined {
  const chosen = provider.selectEndpoint?.(operation, client, call, preferred);
  if (chosen !== undefined) return chosen;
  const endpoints = provider.endpoints[operation];
  return endpoints === undefined ? undefined : preferredEndpoint(endpoints, client, preferred);
}

/** The rule for providers without a rule of their own. */
export function preferredEndpoint(
  endpoints: readonly Endpoint[],
  client: FormatId,
  preferred?: "chat" | "responses",
): Endpoint | undefined {
  if (preferred !== undefined) {
    const format: FormatId = preferred === "chat" ? "openai-chat" : "openai-responses";
    const found = endpoints.find((endpoint) => endpoint.format === format);
    if (found !== undefined) return found;
  }
  return endpoints.find((endpoint) => endpoint.format === client) ?? endpoints[0];
}
