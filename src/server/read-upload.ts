import { mkdtempSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GatewayError } from "../errors/gateway-error.ts";
import type { UploadedFile, UploadForm } from "../pipeline/resources/upload-form.ts";
import { BrokenForm, type FormPart, MultipartParser } from "./multipart.ts";
import { BodyBroken } from "./read-body.ts";

/** Texts of a form are names and settings. */
const MOST_TEXT_BYTES = 4 * 1024 * 1024;
const MOST_PARTS = 1000;

/** Whether a request brings a form. */
export function isForm(request: Request): boolean {
  return (request.headers.get("content-type") ?? "").toLowerCase().startsWith("multipart/form-data");
}

/**
 * Runs with the form that a request brings. Its files go to disk piece by piece, so that a large one never stands in
 * memory as a whole; they are removed at the end. `limit` is in bytes. Throws the caller's refusal.
 */
export async function withUpload<T>(
  request: Request,
  limit: number,
  run: (form: UploadForm) => Promise<T>,
): Promise<T> {
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > limit) throw tooLarge(limit);
  const folder = mkdtempSync(join(tmpdir(), "isthmus-upload-"));
  try {
    return await run(await readForm(request, limit, folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readForm(request: Request, limit: number, folder: string): Promise<UploadForm> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(request.headers.get("content-type") ?? "");
  if (boundary === null || request.body === null) throw invalidForm("it has no boundary");
  const receiver = new Receiver(folder);
  const parser = new MultipartParser(boundary[1] ?? boundary[2] ?? "", receiver);
  let size = 0;
  try {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > limit) throw tooLarge(limit);
      parser.push(chunk);
      await receiver.write();
    }
    parser.end();
    await receiver.write();
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    if (cause instanceof BrokenForm) {
      if (request.signal.aborted) throw new BodyBroken("the form ended before it was complete", { cause });
      throw invalidForm(cause.message, cause);
    }
    if (cause instanceof Error && "code" in cause && cause.code === "ENOSPC") {
      throw new GatewayError("service_unavailable", "There is no room for the file at the moment.", { cause });
    }
    throw new BodyBroken("the form ended before it was complete", { cause });
  } finally {
    await receiver.close();
  }
  return { fields: receiver.fields, files: receiver.files, folder };
}

interface OpenFile {
  readonly file: UploadedFile & { size: number };
  handle: FileHandle | undefined;
}

/** Takes a form apart: texts stay, bytes of files wait for `write`. */
class Receiver {
  readonly fields: [string, string][] = [];
  readonly files: (UploadedFile & { size: number })[] = [];
  readonly #folder: string;
  #name = "";
  #text: Buffer[] | undefined;
  #textBytes = 0;
  #parts = 0;
  #current: OpenFile | undefined;
  readonly #handles: OpenFile[] = [];
  #waiting: { readonly to: OpenFile; readonly bytes: Uint8Array }[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  begin(part: FormPart): void {
    if (++this.#parts > MOST_PARTS) throw invalidForm(`it has more than ${MOST_PARTS} parts`);
    this.#name = part.name;
    if (part.filename === undefined) {
      this.#text = [];
      return;
    }
    const file = {
      field: part.name,
      filename: part.filename,
      contentType: part.contentType ?? "application/octet-stream",
      path: join(this.#folder, String(this.files.length)),
      size: 0,
    };
    this.files.push(file);
    this.#current = { file, handle: undefined };
    this.#handles.push(this.#current);
  }

  data(chunk: Uint8Array): void {
    if (this.#text !== undefined) {
      this.#textBytes += chunk.byteLength;
      if (this.#textBytes > MOST_TEXT_BYTES) throw invalidForm("its texts are too long");
      this.#text.push(Buffer.from(chunk));
    } else if (this.#current !== undefined) {
      this.#current.file.size += chunk.byteLength;
      this.#waiting.push({ to: this.#current, bytes: chunk.slice() });
    }
  }

  end(): void {
    if (this.#text !== undefined) this.fields.push([this.#name, Buffer.concat(this.#text).toString("utf8")]);
    this.#text = undefined;
    this.#current = undefined;
  }

  async write(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { to, bytes } of waiting) {
      to.handle ??= await open(to.file.path, "w", 0o600);
      await to.handle.writeFile(bytes);
    }
  }

  async close(): Promise<void> {
    for (const { handle } of this.#handles) await handle?.close();
  }
}

function tooLarge(limit: number): GatewayError {
  const megabytes = Math.round((limit / (1024 * 1024)) * 100) / 100;
  return new GatewayError("request_too_large", `The upload is too large. Max size is ${megabytes} MB`, {
    param: "file",
  });
}

function invalidForm(reason: string, cause?: unknown): GatewayError {
  return new GatewayError("invalid_request", `Invalid form: ${reason}`, { param: "request_body", cause });
}
