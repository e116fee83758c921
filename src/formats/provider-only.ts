import { GatewayError } from "../errors/gateway-error.ts";
import type { JsonObject } from "../json/json.ts";
import type { FormatId } from "./conversation.ts";
import type { Format, StreamEncoder, StreamObserver } from "./format.ts";

/** The half of a format that faces a provider. */
export type ProviderSide = Pick<
  Format,
  "encodeRequest" | "decodeResponse" | "createStreamDecoder" | "decodeError" | "readUsage"
> & { readonly id: FormatId; readonly inUrl?: boolean };

/** A format that no client speaks: its client's half refuses, which no route can reach. */
export function providerOnly(side: ProviderSide): Format {
  const refuse = (): never => {
    throw new GatewayError("internal", `the format ${side.id} is not offered to clients`);
  };
  return {
    ...side,
    decodeRequest: refuse as (body: JsonObject) => never,
    encodeResponse: refuse,
    createStreamEncoder: refuse as () => StreamEncoder,
    encodeError: refuse,
    createStreamObserver: refuse as () => StreamObserver,
  };
}
