import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { compileSnapshot } from "../../src/config/compile.ts";
import { loadConfig } from "../../src/config/load.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

/** Two identity providers at one address: each with keys, and one that says whose an access token is. */
const pairs = { one: await generateKeyPair("ES256"), two: await generateKeyPair("EdDSA") };
const issuerUrl = (name: string): string => `${provider.url.origin}/${name}`;
let asked = 0;
let status = 200;
const provider = Bun.serve({
  port: 0,
  async fetch(request) {
    const [, name = "", rest] = new URL(request.url).pathname.split("/");
    if (name === "userinfo") {
      asked++;
      if (status !== 200) return new Response("", { status });
      const token = request.headers.get("authorization");
      return token === "Bearer opaque-ann" ? Response.json({ uid: "ann" }) : new Response("no", { status: 401 });
    }
    if (rest === ".well-known") return Response.json({ jwks_uri: `${issuerUrl(name)}/keys` });
    return Response.json({ keys: [await exportJWK(pairs[name as "one"].publicKey)] });
  },
});

let upstream: Upstream;
let gateway: RunningGateway;

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("fine")));
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: ["m", "other"].map((name) => ({
        model_name: name,
        litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "k" },
      })),
      general_settings: {
        enable_jwt_auth: true,
        litellm_jwtauth: {
          user_id_jwt_field: "uid",
          user_id_upsert: true,
          team_ids_jwt_field: "groups",
          fallback_to_db_teams: true,
          oidc_userinfo_enabled: true,
          oidc_userinfo_endpoint: `${issuerUrl("userinfo")}`,
          issuers: [
            { issuer: issuerUrl("one"), audience: "first" },
            { issuer: issuerUrl("two"), disable_audience_validation: true, user_id_jwt_field: "mail" },
            { issuer: "https://careless.example.com" },
          ],
        },
      },
    }),
  });
  await admin("/team/new", { team_id: "a", models: ["m"] });
  await admin("/team/new", { team_id: "b", models: ["other"] });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
  await provider.stop(true);
});

async function admin(path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${gateway.key}` },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

function token(name: "one" | "two", claims: JWTPayload, audience: string, issuer = issuerUrl(name)): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: name === "one" ? "ES256" : "EdDSA" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime("5m")
    .sign(pairs[name].privateKey);
}

function chat(presented: string, model = "m", headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${presented}`, ...headers },
    body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: "user", content: "hi" }] }),
  });
}

async function rowOf(response: Response): Promise<Record<string, string>> {
  const path = `/spend/logs?request_id=${response.headers.get("x-litellm-call-id")}`;
  return eventually(async () => ((await admin(path)) as unknown as Record<string, string>[])[0]);
}

describe("issuers with rules of their own", () => {
  test("each has its keys, its audience and its names for claims", async () => {
    const first = await chat(await token("one", { uid: "ann" }, "first"));
    expect(first.status).toBe(200);
    expect((await rowOf(first)).user).toBe("ann");
    const second = await chat(await token("two", { mail: "bob", uid: "ann" }, "whoever"));
    expect(second.status).toBe(200);
    expect((await rowOf(second)).user).toBe("bob");
  });

  test("neither is good for the other, nor for one that says nothing of its audience", async () => {
    const wrong = await Promise.all([
      token("one", { uid: "ann" }, "second"),
      token("two", { mail: "bob" }, "first", issuerUrl("one")),
      token("two", { mail: "bob" }, "first", "https://careless.example.com"),
      token("two", { mail: "bob" }, "first", "https://unknown.example.com"),
    ]);
    for (const presented of wrong) expect((await chat(presented)).status).toBe(401);
  });
});

describe("access tokens that say nothing themselves", () => {
  test("are asked about once, and refused where the provider does not know them", async () => {
    asked = 0;
    const response = await chat("opaque-ann");
    expect(response.status).toBe(200);
    expect((await rowOf(response)).user).toBe("ann");
    await chat("opaque-ann");
    expect(asked).toBe(1);
    expect((await chat("opaque-eve")).status).toBe(401);
  });

  test("a provider that does not answer is no refusal of the token", async () => {
    status = 500;
    expect((await chat("opaque-bob")).status).toBe(503);
    status = 200;
    expect((await chat("sk-unknown-key")).status).toBe(401);
  });
});

describe("teams of the user's, where a token may be used for them", () => {
  test("serve tokens without teams; others only where the request names one", async () => {
    await admin("/user/new", { user_id: "carl", auto_create_key: false });
    const lone = await chat(await token("one", { uid: "carl" }, "first"));
    expect((await rowOf(lone)).team_id).toBeFalsy();
    for (const team_id of ["a", "b"]) {
      await admin("/team/member_add", { team_id, member: { user_id: "carl", role: "user" } });
    }
    const own = await token("one", { uid: "carl" }, "first");
    expect((await rowOf(await chat(own))).team_id).toBe("a");
    expect((await rowOf(await chat(own, "other"))).team_id).toBe("b");
    const claiming = await token("one", { uid: "carl", groups: ["a"] }, "first");
    expect((await chat(claiming, "other")).status).toBe(403);
    expect((await rowOf(await chat(claiming, "other", { "x-litellm-team-id": "b" }))).team_id).toBe("b");
    expect((await chat(claiming, "m", { "x-litellm-team-id": "c" })).status).toBe(403);
  });

  test("a user joins the team that its token names", async () => {
    expect((await chat(await token("one", { uid: "dora", groups: ["a"] }, "first"))).status).toBe(200);
    const { teams } = (await admin("/user/info?user_id=dora")) as { teams: { team_id: string }[] };
    expect(teams.map(({ team_id }) => team_id)).toEqual(["a"]);
  });
});

test("what is contradictory is told with its line", () => {
  const text = `model_list: []
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth:
    object_id_jwt_field: oid
    scope_mappings: [{scope: a, models: [m]}]
    oidc_userinfo_enabled: true
    issuers:
      - issuer: https://a
      - issuer: https://b
        audience: c
        disable_audience_validation: true
      - {issuer: https://c, audience: d}
`;
  const document = loadConfig("config.yml", { readFile: () => text });
  const { diagnostics } = compileSnapshot(document, { environment: {} });
  const told = diagnostics.filter(({ code }) => code === "incomplete");
  expect(told.map(({ location }) => location?.line)).toEqual([5, 6, 7, 9, 10]);
});
