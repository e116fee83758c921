import { z } from "zod";
import type { Json, MutableJsonObject } from "../json/json.ts";
import type { Route } from "./route.ts";

/** The OpenAPI 3.1 document, generated from the route table. `server`: its base, absolute or a path; "" for this very origin. */
export function openApiDocument(routes: readonly Route[], version: string, server: string): MutableJsonObject {
  const paths: Record<string, MutableJsonObject> = {};
  const schemas: Record<string, Json> = {};
  for (const route of routes) {
    for (const path of [route.path, ...(route.aliases ?? [])]) {
      const shown = path.replaceAll("...}", "}");
      paths[shown] ??= {};
      (paths[shown] as MutableJsonObject)[route.method.toLowerCase()] = operation(route, path, schemas);
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "Isthmus", version, description: "One gateway for every LLM provider. Speaks LiteLLM's HTTP API." },
    ...(server === "" ? {} : { servers: [{ url: server }] }),
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "x-litellm-api-key" },
      },
    },
  };
}

function operation(route: Route, path: string, schemas: Record<string, Json>): MutableJsonObject {
  const parameters: Json[] = [...path.matchAll(/\{(\w+)/g)].map((found) => ({
    name: found[1] as string,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  for (const [name, schema] of Object.entries(route.query ?? {})) {
    parameters.push({ name, in: "query", required: false, schema: reference(schema, schemas) });
  }
  return {
    summary: route.summary,
    tags: [route.tag],
    operationId: `${route.method}${path}`.toLowerCase().replace(/[^a-z0-9]+/g, "_"),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { "application/json": { schema: reference(route.body, schemas) } } },
        }),
    responses: {
      "200": {
        description: "Success",
        ...(route.response === undefined
          ? {}
          : { content: { "application/json": { schema: reference(route.response, schemas) } } }),
      },
    },
    ...(route.permission === "public" ? {} : { security: [{ bearer: [] }, { apiKey: [] }] }),
  };
}

function reference(schema: z.ZodType, schemas: Record<string, Json>): Json {
  const json = z.toJSONSchema(schema, { io: "input" }) as MutableJsonObject;
  delete json.$schema;
  const id = z.globalRegistry.get(schema)?.id;
  if (typeof id !== "string") return json;
  delete json.id;
  schemas[id] = json;
  return { $ref: `#/components/schemas/${id}` };
}
