import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { ALL_MANAGEMENT_ROUTES } from "../../../src/management/all-routes.ts";
import type { ManagementRoute } from "../../../src/management/route.ts";
import type { Database } from "../../../src/store/database.ts";
import type { RunningGateway } from "../../support/gateway.ts";
import { type Answer, ManagementClient } from "../../support/management-client.ts";
import { badValuesOf, type JsonSchema } from "./bad-values.ts";
import { type Fixtures, makeFixtures } from "./fixtures.ts";
import { digestOf, isRefusal, stores } from "./gateway-on-store.ts";

setDefaultTimeout(120_000);

const AT_ONCE = 8;

const routes = ALL_MANAGEMENT_ROUTES.filter(({ method, bodySchema }) => method !== "GET" && bodySchema !== undefined);

/** What is no bad value, with the reason. */
const TAKEN: Readonly<Record<string, string>> = {
  "POST /spend/calculate messages U+0000": "messages are counted, not kept",
  "POST /spend/calculate completion_response U+0000 in a name": "only its usage is read",
};
/** Fields that refusals call by another name. */
const CALLED: Readonly<Record<string, string>> = { startTime: "start_date", endTime: "end_date" };

describe.each(await stores("bad_input"))("bad input on $name", (store) => {
  let gateway: RunningGateway;
  let database: Database;
  let api: ManagementClient;
  let fixtures: Fixtures;

  beforeAll(async () => {
    ({ gateway, database } = await store.start());
    api = new ManagementClient(gateway);
    fixtures = await makeFixtures(api);
  });
  afterAll(() => store.stop());

  const pathOf = (route: ManagementRoute): string =>
    route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(fixtures.byName[name])));

  test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", async (name, route) => {
    const schema = z.toJSONSchema(route.bodySchema as z.ZodType, { io: "input" }) as JsonSchema;
    const required = (schema.required ?? []).map((name) => [name, fixtures.byName[name]]);
    const good = { ...Object.fromEntries(required), ...fixtures.byRoute[route.path] };
    const before = await digestOf(database);
    const wrong: string[] = [];
    const values = badValuesOf(schema, good);
    let at = 0;
    const work = async (): Promise<void> => {
      for (let next = values[at++]; next !== undefined; next = values[at++]) {
        const { field, what, body } = next;
        if (`${name} ${field} ${what}` in TAKEN) continue;
        const answer = await api.call(route.method, pathOf(route), body);
        const problem = problemOf(answer, field, what);
        if (problem !== undefined) wrong.push(`${field}: ${what}: ${problem}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(wrong).toEqual([]);
    expect(await digestOf(database)).toBe(before);
  });
});

/** Why an answer is not the refusal that it should be. */
function problemOf(answer: Answer, field: string, what: string): string | undefined {
  const text = JSON.stringify(answer.body);
  if (answer.status !== 400 && answer.status !== 422) return `${answer.status} ${text.slice(0, 200)}`;
  if (!isRefusal(answer)) return `no error of LiteLLM's: ${text.slice(0, 200)}`;
  // What is no JSON at all has no fields.
  if (what === "NaN") return answer.status === 400 ? undefined : `${answer.status}`;
  const top = field.split(".")[0] as string;
  if (!text.includes(top) && !text.includes(CALLED[top] ?? top))
    return `does not name the field: ${text.slice(0, 200)}`;
  return undefined;
}
