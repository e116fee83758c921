import { openApiDocument } from "../openapi.ts";
import type { Route, RouteRequest } from "../route.ts";
import { swaggerAsset } from "../swagger-assets.ts";

/** The API's description of itself. `NO_DOCS` takes the pages away. */
export function documentationRoutes(options: {
  readonly rootPath: string;
  readonly pages: boolean;
  readonly docsPath: string;
}): readonly Route[] {
  const machine: Route[] = [
    {
      method: "GET",
      path: "/openapi.json",
      permission: "public",
      summary: "This API as an OpenAPI 3.1 document",
      tag: "documentation",
      handle: ({ services, request, peers }) => {
        const { url } = services.proxies.originOf(request, peers, services.snapshot());
        return Response.json(openApiDocument(services.routes(), services.version, `${url ?? ""}${options.rootPath}`));
      },
    },
    {
      method: "GET",
      path: "/routes",
      permission: "public",
      summary: "Every route",
      tag: "documentation",
      handle: listRoutes,
    },
    {
      method: "GET",
      path: "/robots.txt",
      permission: "public",
      summary: "Keeps search engines away, where `block_robots` says so",
      tag: "documentation",
      handle: ({ services }) =>
        services.snapshot().general.raw.block_robots === true
          ? new Response("User-agent: *\nDisallow: /\n", { headers: { "content-type": "text/plain; charset=utf-8" } })
          : Response.json({ detail: "Not Found" }, { status: 404 }),
    },
  ];
  if (!options.pages) return machine;
  return [
    ...machine,
    {
      method: "GET",
      path: options.docsPath,
      permission: "public",
      summary: "This API in Swagger UI",
      tag: "documentation",
      handle: () => page(options.rootPath),
    },
    {
      method: "GET",
      path: "/swagger/{file}",
      permission: "public",
      summary: "Files of Swagger UI",
      tag: "documentation",
      handle: ({ params }) =>
        swaggerAsset(params.file as string) ?? Response.json({ detail: "Not Found" }, { status: 404 }),
    },
  ];
}

function listRoutes({ services }: RouteRequest): Response {
  const rows = services.routes().flatMap((route) =>
    [route.path, ...(route.aliases ?? [])].map((path) => ({
      path: path.replaceAll("...}", "}"),
      methods: [route.method],
      name: route.summary,
      endpoint: route.tag,
    })),
  );
  return Response.json({ routes: rows });
}

function page(rootPath: string): Response {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Isthmus API</title>
<link rel="stylesheet" href="${rootPath}/swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${rootPath}/swagger/swagger-ui-bundle.js"></script>
<script src="${rootPath}/swagger/start.js" data-document="${rootPath}/openapi.json"></script>
</body>
</html>
`;
  return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
}
