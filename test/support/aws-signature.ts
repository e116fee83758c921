import { createHash, createHmac } from "node:crypto";

/** A request as it was received. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** As it was sent, without the question mark. */
  readonly query?: string;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const mac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * The `authorization` that a request must have, by the specification of AWS's signature, version 4, for the headers that
 * are given and no others. Written independently of the code under test.
 */
export function awsAuthorization(
  request: SignedRequest,
  keys: { readonly accessKeyId: string; readonly secretAccessKey: string },
  region: string,
  service: string,
): string {
  const { method, path, headers, body, query } = request;
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    // S3 signs the path as it is sent.
    service === "s3" ? path : path.split("/").map(encoded).join("/"),
    [...new URLSearchParams(query)]
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort()
      .join("&"),
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/\s+/g, " ")}`),
    "",
    names.join(";"),
    sha256(body),
  ].join("\n");
  const stamp = headers["x-amz-date"] ?? "";
  const day = stamp.slice(0, 8);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n");
  const key = mac(mac(mac(mac(`AWS4${keys.secretAccessKey}`, day), region), service), "aws4_request");
  const signature = mac(key, text).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
}
