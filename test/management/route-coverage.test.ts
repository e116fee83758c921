import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { openApiDocument } from "../../src/server/openapi.ts";
import { managementRoutes } from "../../src/server/routes/management.ts";
import { modelRoutes } from "../../src/server/routes/models.ts";
import { publicRoutes } from "../../src/server/routes/public.ts";

const LIST = process.env.ISTHMUS_LITELLM_ROUTES ?? "../shared/reference/litellm-routes.tsv";

/** The subjects that the management API has, by LiteLLM's tags; the rest belongs to other parts of the gateway. */
const SUBJECTS = new Set([
  ...["key management", "Internal User management", "team management", "organization management"],
  ...["Customer Management", "budget management", "tag management", "model management", "credential management"],
  ...["Budget & Spend Tracking", "Cost Tracking", "access_groups", "project management", "Invite Links", "public"],
]);

/** The least share of operations, in percent, that must be there with all their fields: it only ever rises. */
const LEAST = { core: 100, common: 100 };

interface Operation {
  readonly name: string;
  readonly priority: string;
  readonly fields: readonly string[];
}

function listed(): Operation[] {
  const [, ...lines] = readFileSync(LIST, "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => {
    const [method = "", path = "", tag = "", priority = "", , body = "", query = ""] = line.split("\t");
    if (!SUBJECTS.has(tag) || priority === "rare") return [];
    return [{ name: `${method} ${shape(path)}`, priority, fields: [...names(body), ...names(query)] }];
  });
}

/** Names of parameters in paths are nobody's business. */
const shape = (path: string): string => path.replace(/\{[^}]+\}/g, "{}");

/** `a:string*, b:(x|y)[]?` → a, b. */
function names(fields: string): string[] {
  return [...fields.matchAll(/(?:^|, )([\w-]+):/g)].map((found) => found[1] as string);
}

interface Described {
  readonly parameters?: readonly { readonly name: string }[];
  readonly requestBody?: { content: { "application/json": { schema: { properties?: Record<string, unknown> } } } };
}

function described(): ReadonlyMap<string, ReadonlySet<string>> {
  const { paths } = openApiDocument([...managementRoutes, ...modelRoutes, ...publicRoutes], "0", "") as unknown as {
    paths: Record<string, Record<string, Described>>;
  };
  const operations = new Map<string, ReadonlySet<string>>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries(methods)) {
      const body = requestBody?.content["application/json"].schema.properties ?? {};
      const fields = new Set([...parameters.map((one) => one.name), ...Object.keys(body)]);
      operations.set(`${method.toUpperCase()} ${shape(path)}`, fields);
    }
  }
  return operations;
}

test.skipIf(!existsSync(LIST))("LiteLLM's management operations are here, with their fields", () => {
  const ours = described();
  for (const priority of ["core", "common"] as const) {
    const wanted = listed().filter((one) => one.priority === priority);
    const missing = wanted.flatMap((one) => {
      const fields = ours.get(one.name);
      if (fields === undefined) return [one.name];
      const lacking = one.fields.filter((field) => !fields.has(field));
      return lacking.length === 0 ? [] : [`${one.name} lacks ${lacking.join(", ")}`];
    });
    const share = ((wanted.length - missing.length) / wanted.length) * 100;
    console.log(`${priority}: ${wanted.length - missing.length} of ${wanted.length} (${share.toFixed(1)} %)`);
    for (const name of missing) console.log(`  missing: ${name}`);
    expect(share).toBeGreaterThanOrEqual(LEAST[priority]);
  }
});
