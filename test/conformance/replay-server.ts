import { asObject, type JsonObject, parseJson } from "../../src/json/json.ts";
import type { Recording } from "./recordings.ts";

/** What the gateway sent. */
export interface ReceivedCall {
  readonly path: string;
  readonly body: JsonObject;
}

/** An upstream that answers `/<id>/…` with the recording of that id. */
export interface ReplayServer {
  readonly origin: string;
  /** The calls for a recording since the last time that they were taken. */
  take(id: string): ReceivedCall[];
  stop(): Promise<void>;
}

/** Set by the server itself. */
const OWN_HEADERS = new Set(["content-length", "transfer-encoding", "content-encoding", "connection"]);

export function startReplayServer(recordings: readonly Recording[]): ReplayServer {
  const byId = new Map(recordings.map((recording) => [recording.id, recording]));
  const received = new Map<string, ReceivedCall[]>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const [, id = "", ...rest] = new URL(request.url).pathname.split("/");
      const recording = byId.get(id);
      if (recording === undefined) return new Response("no such recording", { status: 418 });
      const calls = received.get(id) ?? [];
      calls.push({ path: `/${rest.join("/")}`, body: asObject(parseJson(await request.text())) ?? {} });
      received.set(id, calls);
      const headers = new Headers({ "content-type": "application/json" });
      for (const [name, value] of Object.entries(recording.headers)) {
        if (!OWN_HEADERS.has(name.toLowerCase())) headers.set(name, String(value));
      }
      const { bytes, status } = recording;
      return new Response(status < 400 && recording.streamed ? inPieces(bytes) : new Blob([bytes.slice()]), {
        status,
        headers,
      });
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    take(id) {
      const calls = received.get(id) ?? [];
      received.delete(id);
      return calls;
    },
    stop: () => server.stop(true),
  };
}

/** The bytes in five pieces that heed no boundary of lines, characters or messages. */
function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const size = Math.floor(bytes.length / 5) + 1;
  return new ReadableStream({
    async start(controller) {
      for (let at = 0; at < bytes.length; at += size) {
        controller.enqueue(bytes.slice(at, at + size));
        await Bun.sleep(1);
      }
      controller.close();
    },
  });
}
