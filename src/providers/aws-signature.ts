import { GatewayError } from "../errors/gateway-error.ts";
import { isStreamedBody } from "../upstream/transport.ts";
import type { AwsKeys } from "./aws-source.ts";
import type { OutboundRequest } from "./provider.ts";

export interface AwsSigning {
  readonly keys: AwsKeys;
  readonly region: string;
  /** `bedrock`, `bedrock-mantle`, `sts`, `sagemaker`, `s3`. */
  readonly service: string;
  /** Default: now. */
  readonly date?: Date;
}

/** Loading the signer takes 45 ms, which only those who call AWS should pay. */
async function load() {
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@aws-crypto/sha256-js"),
  ]);
  return { SignatureV4, Sha256 };
}

let loading: ReturnType<typeof load> | undefined;

/** The headers by which AWS knows a signed request; an earlier signature's are replaced. */
const SIGNED = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "host"];

/**
 * The request with AWS's signature, version 4, over its method, address, headers and body. A path is signed as it is
 * sent, encoded once more save for S3 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
 * 2026-11-24). Throws GatewayError("internal") for forms and streams, whose bytes nobody knows before they are sent.
 */
export async function signAwsRequest(request: OutboundRequest, signing: AwsSigning): Promise<OutboundRequest> {
  const { body } = request;
  if (body instanceof FormData || isStreamedBody(body)) {
    throw new GatewayError("internal", "a body that is made while it is sent cannot be signed for AWS");
  }
  const url = new URL(request.url);
  const headers: Record<string, string> = { host: url.host, "x-amz-content-sha256": await sha256(body ?? "") };
  for (const [name, value] of Object.entries(request.headers)) {
    if (!SIGNED.includes(name.toLowerCase())) headers[name.toLowerCase()] = value;
  }
  loading ??= load();
  const { SignatureV4, Sha256 } = await loading;
  const signer = new SignatureV4({
    service: signing.service,
    region: signing.region,
    credentials: signing.keys,
    sha256: Sha256,
    uriEscapePath: signing.service !== "s3",
  });
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers,
      body,
    },
    signing.date === undefined ? {} : { signingDate: signing.date },
  );
  // The connection writes its own.
  const { host: _, ...sent } = signed.headers;
  return { ...request, headers: sent };
}

/** In hexadecimal. The platform's own hash: bodies hold images, and pure JavaScript is slow on megabytes. */
async function sha256(body: string | Uint8Array): Promise<string> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body.slice();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
