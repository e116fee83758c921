import { existsSync, readdirSync, readFileSync } from "node:fs";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../src/json/json.ts";
import { SseFramer } from "../../src/upstream/sse.ts";

export const EXCHANGES = process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges";

export interface Recording {
  readonly name: string;
  readonly path: string;
  readonly request: JsonObject | undefined;
  readonly status: number;
  /** The answer's JSON body. */
  readonly body: JsonObject | undefined;
  /** The text of each frame of a streamed answer. */
  readonly frames: readonly string[];
}

/** The recorded exchanges of one folder; none where the recordings are missing. */
export function recordings(folder: string): Recording[] {
  if (!existsSync(`${EXCHANGES}/${folder}`)) return [];
  return readdirSync(`${EXCHANGES}/${folder}`).map((file) => {
    const exchange = asObject(parseJson(readFileSync(`${EXCHANGES}/${folder}/${file}`, "utf8"))) ?? {};
    const response = asObject(exchange.response) ?? {};
    const request = asObject(exchange.request) ?? {};
    const framer = new SseFramer();
    const bytes = new TextEncoder().encode(asArray(response.sse).join(""));
    return {
      name: file,
      path: asString(request.path) ?? "",
      request: asObject(request.body),
      status: Number(response.status),
      body: asObject(response.body),
      frames: [...framer.push(bytes), ...framer.end()].map(({ data }) => data),
    };
  });
}
