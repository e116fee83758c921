import { ALL_MANAGEMENT_ROUTES } from "../../management/all-routes.ts";
import type { ManagementRoute } from "../../management/route.ts";
import { readBody } from "../read-body.ts";
import type { Route } from "../route.ts";

/** The management API in the server's route table. */
export const managementRoutes: readonly Route[] = ALL_MANAGEMENT_ROUTES.map(serverRoute);

function serverRoute(route: ManagementRoute): Route {
  const { method, path, aliases, permission, summary, tag, bodySchema, querySchemas } = route;
  return {
    method,
    path,
    ...(aliases === undefined ? {} : { aliases }),
    permission,
    summary,
    tag,
    ...(bodySchema === undefined ? {} : { body: bodySchema }),
    ...(querySchemas === undefined ? {} : { query: querySchemas }),
    handle: async ({ services, request, params, principal }) => {
      const url = new URL(request.url);
      const limit = services.snapshot().general.maxRequestSizeBytes;
      const body = method === "GET" && bodySchema === undefined ? {} : (await readBody(request, limit)).json;
      const answer = await route.handle({
        management: services.management,
        principal,
        params,
        search: url.searchParams,
        headers: request.headers,
        path: url.pathname,
        body,
      });
      return answer instanceof Response ? answer : Response.json(answer);
    },
  };
}
