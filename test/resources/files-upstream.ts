import { createHash } from "node:crypto";

/** A provider that keeps files and batches as OpenAI does. */
export interface FilesUpstream {
  readonly url: string;
  readonly files: Map<string, KeptFile>;
  readonly batches: Map<string, Record<string, unknown>>;
  /** `METHOD /path?query` of every request, with who asked. */
  readonly requests: { readonly line: string; readonly authorization: string | null; readonly body: string }[];
  /** Ends a batch; its answers are these lines. */
  finish(batchId: string, lines: readonly unknown[], status?: string): void;
  /** Answers to other paths. */
  other: (request: Request, path: string, body: string) => Response | undefined;
  stop(): Promise<void>;
}

export interface KeptFile {
  readonly id: string;
  readonly filename: string;
  readonly purpose: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Undefined where it is too large to be kept by a test. */
  readonly text: string | undefined;
  readonly fields: Record<string, string>;
}

const KEPT_BYTES = 1024 * 1024;

export function startFilesUpstream(name: string): FilesUpstream {
  const files = new Map<string, KeptFile>();
  const batches = new Map<string, Record<string, unknown>>();
  const requests: FilesUpstream["requests"] = [];
  let next = 1;
  const describe = ({ id, filename, purpose, bytes }: KeptFile) => ({
    id,
    object: "file",
    bytes,
    created_at: 1_763_900_000,
    filename,
    purpose,
    status: "processed",
  });
  const missing = (id: string): Response =>
    Response.json({ error: { message: `No such File object: ${id}`, type: "invalid_request_error" } }, { status: 404 });

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 4 * 1024 ** 3,
    async fetch(request) {
      const url = new URL(request.url);
      const path = url.pathname.replace(/^\/(?:openai\/)?v1|^\/openai/, "");
      const note = (body: string): void => {
        requests.push({
          line: `${request.method} ${url.pathname}${url.search}`,
          authorization: request.headers.get("authorization") ?? request.headers.get("api-key"),
          body,
        });
      };
      if (request.method === "POST" && path === "/files") {
        const file = await receive(request, `file-${name}-${next++}`);
        note("");
        files.set(file.id, file);
        return Response.json(describe(file));
      }
      const body = await request.text();
      note(body);
      const own = upstream.other(request, path, body);
      if (own !== undefined) return own;
      const [, kind, id = "", more] = path.split("/");
      if (kind === "files") {
        if (id === "")
          return Response.json({ object: "list", data: [...files.values()].map(describe), has_more: false });
        const file = files.get(id);
        if (file === undefined) return missing(id);
        if (more === "content") {
          return new Response(file.text, { headers: { "content-type": "application/octet-stream" } });
        }
        if (request.method === "DELETE") {
          files.delete(id);
          return Response.json({ id, object: "file", deleted: true });
        }
        return Response.json(describe(file));
      }
      if (kind === "batches") {
        if (id === "" && request.method === "POST") {
          const asked = JSON.parse(body) as Record<string, unknown>;
          if (!files.has(String(asked.input_file_id))) return missing(String(asked.input_file_id));
          const batch = { id: `batch_${name}_${next++}`, object: "batch", status: "in_progress", ...asked };
          batches.set(batch.id, batch);
          return Response.json(batch);
        }
        if (id === "") return Response.json({ object: "list", data: [...batches.values()], has_more: false });
        const batch = batches.get(id);
        if (batch === undefined) return missing(id);
        if (more === "cancel") batches.set(id, { ...batch, status: "cancelling" });
        return Response.json(batches.get(id));
      }
      return Response.json({ error: { message: `Unknown path ${path}` } }, { status: 404 });
    },
  });
  const upstream: FilesUpstream = {
    url: `http://127.0.0.1:${server.port}/v1`,
    files,
    batches,
    requests,
    other: () => undefined,
    finish(batchId, lines, status = "completed") {
      const id = `file-out-${name}-${next++}`;
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
      files.set(id, {
        id,
        filename: "out.jsonl",
        purpose: "batch_output",
        bytes: text.length,
        sha256: "",
        text,
        fields: {},
      });
      batches.set(batchId, { ...batches.get(batchId), status, output_file_id: id });
    },
    stop: () => server.stop(true),
  };
  return upstream;
}

/** Reads a form without keeping a large file. */
async function receive(request: Request, id: string): Promise<KeptFile> {
  const declared = Number(request.headers.get("content-length"));
  if (declared > KEPT_BYTES) {
    let bytes = 0;
    const hash = createHash("sha256");
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      hash.update(chunk);
    }
    return { id, filename: "large", purpose: "", bytes, sha256: hash.digest("hex"), text: undefined, fields: {} };
  }
  const form = await request.formData();
  const fields: Record<string, string> = {};
  let file: File | undefined;
  for (const [name, value] of form.entries()) {
    if (typeof value === "string") fields[name] = value;
    else file = value as File;
  }
  const bytes = new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer(0));
  const text = new TextDecoder().decode(bytes);
  return {
    id,
    filename: file?.name ?? "",
    purpose: fields.purpose ?? "",
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    text,
    fields,
  };
}

/** A line of a batch's answers. */
export function answerLine(customId: string, model: string, usage: Record<string, unknown>): unknown {
  return {
    id: `req-${customId}`,
    custom_id: customId,
    response: {
      status_code: 200,
      body: {
        id: "chatcmpl-1",
        object: "chat.completion",
        model,
        choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
        usage,
      },
    },
    error: null,
  };
}

/** A line of a file of batch requests. */
export function requestLine(customId: string, model: string): string {
  return `${JSON.stringify({
    custom_id: customId,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model, messages: [{ role: "user", content: "Hi" }], max_tokens: 10 },
  })}\n`;
}
