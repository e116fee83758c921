import { awsAuthorization } from "../support/aws-signature.ts";

/** A bucket that a test plays: real HTTP, with the signature or the token checked. */
export interface TestBucket {
  readonly url: string;
  /** By path, without the leading slash. */
  readonly objects: Map<string, { readonly body: string; readonly metadata: Record<string, string> }>;
  /** Answers every request instead, when set. */
  failure: (() => Response | Promise<Response>) | undefined;
  asked: number;
  stop(): Promise<void>;
}

export const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG" };
export const REGION = "eu-central-1";
/** As few as that, so that lists have pages. */
const PAGE = 3;

export function startBucket(kind: "s3" | "gcs" | "azure-blob"): TestBucket {
  const objects: TestBucket["objects"] = new Map();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname.endsWith("/oauth2/v2.0/token") || url.pathname === "/token") {
        return Response.json({ access_token: "the-token", expires_in: 3600 });
      }
      bucket.asked++;
      if (bucket.failure !== undefined) return bucket.failure();
      const body = await request.text();
      const allowed =
        kind === "s3" ? isSigned(request, url, body) : request.headers.get("authorization") === "Bearer the-token";
      if (!allowed) return new Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", { status: 403 });
      const [, , ...rest] = url.pathname.split("/");
      const name = decodeURIComponent(rest.join("/"));
      if (name === "") return list(objects, url.searchParams, kind);
      switch (request.method) {
        case "PUT": {
          if (kind === "azure-blob" && request.headers.get("x-ms-blob-type") !== "BlockBlob") {
            return new Response("<Error><Code>MissingRequiredHeader</Code></Error>", { status: 400 });
          }
          const metadata = Object.fromEntries([...request.headers].filter(([header]) => header.includes("-meta-")));
          objects.set(name, { body, metadata });
          return new Response(null, { status: kind === "azure-blob" ? 201 : 200 });
        }
        case "DELETE":
          return new Response(null, { status: objects.delete(name) ? 204 : 404 });
        default: {
          const found = objects.get(name);
          if (found === undefined) return new Response("<Error><Code>NoSuchKey</Code></Error>", { status: 404 });
          return new Response(found.body, { headers: found.metadata });
        }
      }
    },
  });
  const bucket: TestBucket = {
    url: `http://127.0.0.1:${server.port}`,
    objects,
    failure: undefined,
    asked: 0,
    stop: () => server.stop(true),
  };
  return bucket;
}

function isSigned(request: Request, url: URL, body: string): boolean {
  const authorization = request.headers.get("authorization") ?? "";
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
  const headers = Object.fromEntries(names.map((name) => [name, request.headers.get(name) ?? ""]));
  const { pathname: path, search } = url;
  const signed = { method: request.method, path, headers, body, query: search.slice(1) };
  return authorization === awsAuthorization(signed, KEYS, REGION, "s3");
}

function list(objects: TestBucket["objects"], query: URLSearchParams, kind: string): Response {
  const names = [...objects.keys()].filter((name) => name.startsWith(query.get("prefix") ?? "")).sort();
  const after = query.get("continuation-token") ?? query.get("marker") ?? "";
  const rest = names.filter((name) => name > after);
  const page = rest.slice(0, PAGE);
  const next = rest.length > PAGE ? page.at(-1) : undefined;
  const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const element = kind === "azure-blob" ? "Name" : "Key";
  const marker = kind === "azure-blob" ? "NextMarker" : "NextContinuationToken";
  const body = `<R>${page.map((name) => `<E><${element}>${escaped(name)}</${element}></E>`).join("")}${next === undefined ? `<${marker}></${marker}>`.repeat(kind === "azure-blob" ? 1 : 0) : `<${marker}>${escaped(next)}</${marker}>`}</R>`;
  return new Response(body, { headers: { "content-type": "application/xml" } });
}
