import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isPermitted, PERMISSIONS, ROLES, type Role } from "../../src/auth/permissions.ts";
import { MASTER_PRINCIPAL, type Principal } from "../../src/auth/principal.ts";
import { Log } from "../../src/events/log.ts";
import { RefusalCounts } from "../../src/server/refusal-counts.ts";
import type { Route } from "../../src/server/route.ts";
import { RouteTable } from "../../src/server/route-table.ts";
import { createHandler } from "../../src/server/server.ts";
import type { Services } from "../../src/server/services.ts";
import { snapshotOf } from "../support/snapshot-of.ts";

const FOLDER = join(import.meta.dir, "../../src/server/routes");

/** Every route that a module of routes exports. */
const routes: Route[] = [];
for (const file of readdirSync(FOLDER)) {
  if (!file.endsWith(".ts")) continue;
  const exported = Object.values((await import(join(FOLDER, file))) as Record<string, unknown>);
  for (const list of exported) {
    if (!Array.isArray(list)) continue;
    for (const route of list as Route[])
      if (route.permission !== undefined && !routes.includes(route)) routes.push(route);
  }
}

/** The real table and the real checks in front of handlers that only say that they were reached. */
const reached = routes.map((route): Route => ({ ...route, handle: () => Response.json("reached") }));
const snapshot = snapshotOf({ model_list: [] });
const handler = createHandler(
  new RouteTable(reached),
  {
    snapshot: () => snapshot,
    authenticator: { authenticate: (key: string) => principalOf(key.slice("sk-".length)) },
    refusals: new RefusalCounts(),
    log: new Log({ level: "error", json: false, write: () => {} }),
    declaredRoute: () => undefined,
    draining: () => false,
  } as unknown as Services,
  {
    rootPath: "",
    corsOrigins: [],
    hsts: false,
    proxies: { clientOf: () => undefined },
  } as unknown as Parameters<typeof createHandler>[2],
);

function principalOf(caller: string): Principal {
  if (caller === "master") return MASTER_PRINCIPAL;
  return { keyHash: caller, role: caller as Role, userId: "somebody", teamId: "some-team" };
}

async function statusOf(route: Route, caller: string | undefined): Promise<number> {
  const path = route.path.replaceAll(/\{\w+(\.\.\.)?\}/g, "none");
  const headers = caller === undefined ? {} : { authorization: `Bearer sk-${caller}` };
  const request = new Request(`http://gateway${path}`, { method: route.method, headers });
  return (await handler(request, {} as Parameters<typeof handler>[1])).status;
}

test("every route lets in whom the one table names, and nobody else: all roles, the master key and no key", async () => {
  expect(routes.length).toBeGreaterThan(150);
  const wrong: string[] = [];
  for (const route of routes) {
    const name = `${route.method} ${route.path}`;
    if ((await statusOf(route, undefined)) !== (route.permission === "public" ? 200 : 401))
      wrong.push(`${name}: nobody`);
    if ((await statusOf(route, "master")) !== 200) wrong.push(`${name}: master key`);
    for (const role of ROLES) {
      const expected = isPermitted(route.permission, { keyHash: "x", role }) ? 200 : 401;
      if ((await statusOf(route, role)) !== expected) wrong.push(`${name}: ${role}`);
    }
  }
  expect(wrong).toEqual([]);
});

/** What must hold whatever the table says: method and path → the roles that may call it. */
const EXPECTED: readonly (readonly [string, readonly Role[]])[] = [
  ...["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/responses"].map(
    (path) => [`POST ${path}`, ROLES] as const,
  ),
  ["GET /v1/models", ROLES],
  ["GET /model/info", ROLES],
  ["POST /model/new", ["proxy_admin", "org_admin", "internal_user"]],
  ["POST /credentials", ["proxy_admin"]],
  ["GET /credentials", ["proxy_admin", "proxy_admin_viewer"]],
  ["POST /v1/access_group", ["proxy_admin"]],
  ["POST /key/generate", ["proxy_admin", "org_admin", "internal_user"]],
  ["GET /spend/logs", PERMISSIONS.own],
  ["POST /budget/new", ["proxy_admin"]],
  ["GET /audit", ["proxy_admin", "proxy_admin_viewer"]],
];

test.each(EXPECTED)("%s is for its roles", async (name, roles) => {
  const route = routes.find((one) =>
    [one.path, ...(one.aliases ?? [])].some((path) => `${one.method} ${path}` === name),
  );
  if (route === undefined) throw new Error(`there is no ${name}`);
  for (const role of ROLES)
    expect([role, await statusOf(route, role)]).toEqual([role, roles.includes(role) ? 200 : 401]);
});

test("tokens of teams and of customers change nothing, and customers read nothing that is managed", async () => {
  const managed = routes.filter((route) => route.permission !== "public" && route.permission !== "key");
  for (const route of managed) {
    expect([route.path, await statusOf(route, "customer")]).toEqual([route.path, 401]);
    if (route.permission !== "own") expect([route.path, await statusOf(route, "team")]).toEqual([route.path, 401]);
  }
});
