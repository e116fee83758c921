import { parseJson } from "../json/json.ts";
import { awsKeys } from "./aws-keys.ts";
import { signAwsRequest } from "./aws-signature.ts";
import type { AwsSource } from "./aws-source.ts";
import { bedrockCall } from "./bedrock-address.ts";
import type { Call, OutboundRequest, Send } from "./provider.ts";

/** Signs one request of a Bedrock call; with an API key it carries that already. */
export async function signBedrock(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  const { source, service = "bedrock" } = call.target.credentials;
  if (source === undefined) return request;
  const keys = await awsKeys(parseJson(source) as unknown as AwsSource, send);
  const mantle = new URL(request.url).hostname.startsWith("bedrock-mantle");
  return signAwsRequest(request, {
    keys,
    region: bedrockCall(call).region,
    service: mantle ? "bedrock-mantle" : service,
  });
}
