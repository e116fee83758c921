import { cosine } from "./search-server.ts";

interface Point {
  readonly id: string;
  readonly vector: number[];
  readonly payload: Record<string, unknown>;
}

/** A Qdrant, played by a test: the calls of https://api.qdrant.tech/ that the cache makes, with the real arithmetic. */
export interface QdrantServer {
  readonly url: string;
  readonly collections: Map<string, { readonly settings: unknown; readonly points: Map<string, Point> }>;
  stop(): Promise<void>;
}

export function startQdrant(apiKey: string): QdrantServer {
  const collections: QdrantServer["collections"] = new Map();
  const done = (result: unknown): Response => Response.json({ result, status: "ok", time: 0 });
  const failed = (status: number, error: string): Response => Response.json({ status: { error } }, { status });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.headers.get("api-key") !== apiKey) return failed(401, "Must provide an API key");
      const { pathname } = new URL(request.url);
      const [, , name, ...rest] = pathname.split("/");
      const body = request.method === "GET" ? {} : ((await request.json()) as Record<string, unknown>);
      if (name === undefined) return done({ collections: [...collections.keys()].map((one) => ({ name: one })) });
      const found = collections.get(name);
      const action = `${request.method} ${rest.join("/")}`;
      if (action === "PUT ") {
        collections.set(name, { settings: body, points: new Map() });
        return done(true);
      }
      if (found === undefined) return failed(404, `Not found: Collection \`${name}\` doesn't exist!`);
      const { points } = found;
      switch (action) {
        case "GET ":
        case "PUT index":
          return done(true);
        case "PUT points":
          for (const point of body.points as Point[]) {
            if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(point.id))
              return failed(400, "not a valid point ID");
            points.set(point.id, point);
          }
          return done({ operation_id: 1, status: "acknowledged" });
        case "POST points/search": {
          const scored = [...points.values()]
            .filter(({ payload }) => holds(payload, body.filter))
            .map((point) => ({ ...point, score: cosine(point.vector, body.vector as number[]) }))
            .sort((one, other) => other.score - one.score);
          return done(scored.slice(0, body.limit as number));
        }
        case "POST points/delete":
          for (const point of [...points.values()]) {
            const named = (body.points as string[] | undefined)?.includes(point.id);
            if (named ?? holds(point.payload, body.filter)) points.delete(point.id);
          }
          return done({ operation_id: 2, status: "completed" });
        default:
          return failed(404, `no ${action}`);
      }
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, collections, stop: () => server.stop(true) };
}

interface Condition {
  readonly key: string;
  readonly match?: { readonly value: unknown };
  readonly range?: { readonly gt?: number; readonly lte?: number };
}

function holds(payload: Record<string, unknown>, filter: unknown): boolean {
  return (filter as { must: Condition[] }).must.every(({ key, match, range }) => {
    const value = payload[key];
    if (match !== undefined) return value === match.value;
    const number = value as number;
    return number > (range?.gt ?? -Infinity) && number <= (range?.lte ?? Infinity);
  });
}
