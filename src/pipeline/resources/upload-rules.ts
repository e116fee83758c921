import { extname } from "node:path";
import { Lease } from "../../admission/admission.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, asNumber, type JsonObject } from "../../json/json.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { BatchFileFacts, Resources } from "../../store/resources/resources.ts";
import type { Gate } from "../admit.ts";
import type { RequestContext } from "../request-context.ts";
import type { UploadForm } from "./upload-form.ts";

const MEGABYTE = 1024 * 1024;
/** What a form has beside its file. */
const FORM_BYTES = 4 * MEGABYTE;

/** The most bytes of a form that is worth reading. */
export function uploadLimit({ general }: Snapshot): number {
  const sizes = [general.raw.max_file_size_mb, general.raw.max_batch_file_size_mb].flatMap((size) => {
    const megabytes = asNumber(size);
    return megabytes === undefined ? [] : [megabytes];
  });
  const any = asNumber(general.raw.max_file_size_mb);
  return any === undefined ? general.maxRequestSizeBytes : Math.max(...sizes) * MEGABYTE + FORM_BYTES;
}

/** Throws the refusal of files that the configuration does not let through. */
export function requireAllowedFiles({ general }: Snapshot, form: UploadForm, fields: JsonObject): void {
  const { raw } = general;
  const batch = fields.purpose === "batch" ? asNumber(raw.max_batch_file_size_mb) : undefined;
  const most = batch ?? asNumber(raw.max_file_size_mb);
  const allowed = extensions(raw.allowed_file_extensions);
  const blocked = extensions(raw.blocked_file_extensions);
  for (const { filename, size, field } of form.files) {
    if (most !== undefined && size > most * MEGABYTE) {
      throw new GatewayError("request_too_large", `File size is too large. Max size is ${most} MB`, { param: field });
    }
    const extension = extname(filename).toLowerCase();
    const refused = (allowed !== undefined && !allowed.has(extension)) || blocked?.has(extension) === true;
    if (refused) {
      throw new GatewayError(
        "invalid_request",
        `Files with the extension '${extension}' are not allowed.` +
          (allowed === undefined ? "" : ` Allowed: ${[...allowed].join(", ")}.`),
        { param: field },
      );
    }
  }
}

/** Lower case and with their dot; undefined where the configuration says nothing. */
function extensions(value: unknown): ReadonlySet<string> | undefined {
  if (!Array.isArray(value)) return undefined;
  return new Set(
    asArray(value).map((extension) => {
      const text = String(extension).trim().toLowerCase();
      return text.startsWith(".") || text === "" ? text : `.${text}`;
    }),
  );
}

/** Throws the refusal of a file with more requests than one may have, or of one more than a day's. */
export async function requireBatchFileRoom(
  resources: Resources,
  { snapshot, principal }: RequestContext,
  facts: BatchFileFacts,
): Promise<void> {
  const { raw } = snapshot.general;
  const records = asNumber(raw.max_batch_file_records);
  if (records !== undefined && facts.requests > records) {
    throw new GatewayError(
      "invalid_request",
      `The file has ${facts.requests} requests. A file of batch requests may have ${records}.`,
      { param: "file" },
    );
  }
  const perDay = asNumber(raw.max_batch_file_uploads_per_day);
  if (perDay === undefined || principal.role === "proxy_admin") return;
  const today = new Date().setUTCHours(0, 0, 0, 0);
  const made = await resources.countSince("files", principal.keyHash, today, "batch");
  if (made < perDay) return;
  const seconds = Math.ceil((today + 86_400_000 - Date.now()) / 1000);
  throw new GatewayError(
    "rate_limit",
    `This key has uploaded ${made} files of batch requests today. It may upload ${perDay} a day.`,
    { headers: { "retry-after": String(seconds) } },
  );
}

/** Throws the refusal of more downloads in a minute than a key may have, counted wherever its requests are counted. */
export async function requireDownload(gate: Gate, { id, snapshot, principal }: RequestContext): Promise<void> {
  const rpm = asNumber(snapshot.general.raw.max_file_downloads_per_minute);
  if (rpm === undefined || principal.role === "proxy_admin") return;
  const { keyHash } = principal;
  const taken = await gate.admission.take({
    id: `${id}:download`,
    scopes: [
      {
        id: `file-downloads:${keyHash}`,
        descriptor: "file_downloads",
        value: keyHash,
        source: { dimension: "key", entities: [keyHash] },
        offset: 0n,
        limits: { rpm },
        refusesWhen: "at",
        exceeded: () => "",
      },
    ],
    amount: 0n,
    free: true,
    tokens: 0,
  });
  if (taken instanceof Lease) {
    taken.settle(0n, 0);
    return;
  }
  throw new GatewayError("rate_limit", `This key may download ${rpm} files a minute.`, {
    headers: { "retry-after": String(Math.max(Math.ceil(taken.refusal.resetMs / 1000), 1)) },
  });
}
