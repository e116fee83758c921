import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asObject, isObject, parseJson } from "../../json/json.ts";
import { memberText, patchObject, replaceStringMember } from "../../json/patch.ts";
import type { BatchFileFacts } from "../../store/resources/resources.ts";
import type { UploadedFile } from "./upload-form.ts";

/** One request of a batch is a body of a few megabytes at most. */
const LONGEST_LINE = 32 * 1024 * 1024;
/** Distinct models of one file that are kept; OpenAI allows one. */
const MOST_MODELS = 1000;
const WRITE_BYTES = 256 * 1024;

/** Reads a file of batch requests, line by line. Throws the caller's refusal where a line is no request. */
export async function readBatchFile(file: UploadedFile): Promise<BatchFileFacts> {
  const models = new Set<string>();
  let requests = 0;
  let bytes = 0;
  let outputTokens = 0;
  await eachLine(file, (line, number) => {
    const body = requestBody(line, number);
    if (body === undefined) return;
    requests++;
    bytes += Buffer.byteLength(line);
    if (typeof body.model === "string" && models.size < MOST_MODELS) models.add(body.model);
    for (const name of ["max_completion_tokens", "max_tokens", "max_output_tokens"]) {
      const most = body[name];
      if (typeof most !== "number" || !(most > 0)) continue;
      outputTokens += Math.ceil(most) * (typeof body.n === "number" && body.n > 1 ? Math.ceil(body.n) : 1);
      break;
    }
  });
  return { requests, models: [...models], bytes, outputTokens };
}

/** The same file with the provider's names for its models; what else stands in a line stays as it is written. */
export async function withUpstreamModels(
  file: UploadedFile,
  path: string,
  nameOf: (model: string) => string,
): Promise<UploadedFile> {
  const handle = await open(path, "w", 0o600);
  let size = 0;
  let waiting: string[] = [];
  let waitingBytes = 0;
  const write = async (): Promise<void> => {
    const bytes = Buffer.from(waiting.join(""));
    waiting = [];
    waitingBytes = 0;
    size += bytes.byteLength;
    await handle.writeFile(bytes);
  };
  try {
    await eachLine(file, (line, number) => {
      const body = requestBody(line, number);
      const text = memberText(line, "body");
      const renamed =
        body === undefined || typeof body.model !== "string" || text === undefined
          ? line
          : patchObject(line, new Map([["body", replaceStringMember(text, "model", body.model, nameOf(body.model))]]));
      waiting.push(renamed, "\n");
      waitingBytes += renamed.length;
      return waitingBytes > WRITE_BYTES ? write() : undefined;
    });
    await write();
  } finally {
    await handle.close();
  }
  return { ...file, path, size };
}

/** Undefined for an empty line. */
function requestBody(line: string, number: number) {
  if (line.trim() === "") return undefined;
  const request = parseJson(line);
  if (!isObject(request)) throw invalid(`line ${number} is not a JSON object`);
  return asObject(request.body) ?? {};
}

async function eachLine(
  file: UploadedFile,
  take: (line: string, number: number) => Promise<void> | undefined | void,
): Promise<void> {
  let number = 0;
  let rest = "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of createReadStream(file.path) as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LONGEST_LINE) throw invalid(`line ${number + 1} is longer than 32 MB`);
      for (const line of lines) await take(line, ++number);
    }
    rest += decoder.decode();
  } catch (cause) {
    if (cause instanceof TypeError) throw invalid("it is not UTF-8");
    throw cause;
  }
  if (rest !== "") await take(rest, ++number);
}

function invalid(reason: string): GatewayError {
  return new GatewayError("invalid_request", `Invalid file of batch requests: ${reason}.`, { param: "file" });
}
