import { GatewayError } from "../errors/gateway-error.ts";
import type { OutboundRequest } from "./provider.ts";

/** The fields of a client's form, for providers that take sound in another wrapping. */
export interface SoundForm {
  /** The sound itself. */
  readonly file: File;
  /** The last value of each text field; `[]` is cut from names. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Reads the form of a transcription. Throws GatewayError("invalid_request") when there is no file in it. */
export function soundForm(request: OutboundRequest): SoundForm {
  const form = request.body instanceof FormData ? request.body : new FormData();
  const file = form.get("file");
  if (!(file instanceof File)) {
    throw new GatewayError("invalid_request", "Missing required parameter: 'file'.", { param: "file" });
  }
  const fields: Record<string, string> = {};
  for (const [name, value] of form.entries()) {
    if (typeof value === "string") fields[name.replace(/\[\]$/, "")] = value;
  }
  return { file, fields };
}
