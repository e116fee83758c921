import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

const AUDIENCE = "llm-gateway";
const ISSUER = "https://login.example.com";
const pair = await generateKeyPair("RS256", { extractable: true });
const stranger = await generateKeyPair("RS256", { extractable: true });
const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid: "first" };
const issuer = Bun.serve({ port: 0, fetch: () => Response.json({ keys: [jwk] }) });

let upstream: Upstream;
let gateway: RunningGateway;

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("fine")));
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: ["m", "other", "premium"].map((name) => ({
        model_name: name,
        litellm_params: {
          model: "openai/gpt-4o-mini",
          api_base: `${upstream.url}/v1`,
          api_key: "k",
          input_cost_per_token: 1e-6,
          output_cost_per_token: 1e-6,
        },
      })),
      general_settings: {
        enable_jwt_auth: true,
        litellm_jwtauth: {
          user_id_jwt_field: "uid",
          user_email_jwt_field: "email",
          user_id_upsert: true,
          team_id_jwt_field: "team",
          team_ids_jwt_field: "groups.names",
          org_id_jwt_field: "org",
          end_user_id_jwt_field: "customer",
          user_allowed_email_domain: "example.com",
          team_allowed_routes: ["openai_routes", "info_routes"],
        },
      },
    }),
    env: {
      JWT_PUBLIC_KEY_URL: `${issuer.url.origin}/keys`,
      JWT_AUDIENCE: AUDIENCE,
      JWT_ISSUER: ISSUER,
    },
  });
  for (const [id, models, budget] of [
    ["red", ["m"], 1],
    ["blue", ["other"], 0],
  ] as const) {
    await admin("/team/new", { team_id: id, team_alias: `${id} team`, models, max_budget: budget });
  }
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
  await issuer.stop(true);
});

async function admin(path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${gateway.key}` },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

interface Signing {
  readonly key?: CryptoKey;
  readonly kid?: string;
  readonly expires?: string | number;
  readonly audience?: string;
  readonly issuer?: string;
}

function token(claims: JWTPayload, signing: Signing = {}): Promise<string> {
  return new SignJWT({ email: "ann@example.com", ...claims })
    .setProtectedHeader({ alg: "RS256", kid: signing.kid ?? "first" })
    .setIssuedAt()
    .setIssuer(signing.issuer ?? ISSUER)
    .setAudience(signing.audience ?? AUDIENCE)
    .setExpirationTime(signing.expires ?? "5m")
    .sign(signing.key ?? pair.privateKey);
}

function chat(presented: string, model = "m", headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${presented}`, ...headers },
    body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: "user", content: "hi" }] }),
  });
}

interface Row {
  readonly user: string;
  readonly team_id: string;
  readonly end_user: string;
}

async function rowOf(response: Response): Promise<Row> {
  const id = response.headers.get("x-litellm-call-id");
  const path = `/spend/logs?request_id=${id}`;
  return eventually(async () => ((await admin(path)) as unknown as Row[])[0]);
}

describe("tokens that are good", () => {
  test("name their user, who is made with the first call, and the end user", async () => {
    const response = await chat(await token({ uid: "ann", customer: "c-1" }));
    expect(response.status).toBe(200);
    expect(await rowOf(response)).toMatchObject({ user: "ann", end_user: "c-1" });
    expect(await admin("/user/info?user_id=ann")).toMatchObject({
      user_info: { user_email: "ann@example.com", user_role: "internal_user" },
    });
  });

  test("of several teams are the team's that may call the model, or that the request names", async () => {
    const both = await token({ uid: "ann", groups: { names: ["blue", "gone", "red"] } });
    const response = await chat(both);
    expect(response.status).toBe(200);
    expect(await rowOf(response)).toMatchObject({ user: "ann", team_id: "red" });
    // The budget of the other team is 0.
    expect((await chat(both, "other")).status).toBe(422);
    expect((await chat(both, "m", { "x-litellm-team-id": "red team" })).status).toBe(200);
    expect((await chat(both, "m", { "x-litellm-team-id": "blue" })).status).toBe(403);
    expect((await chat(both, "m", { "x-litellm-team-id": "green" })).status).toBe(403);
    expect((await chat(both, "premium")).status).toBe(403);
  });

  test("of an administrator manage, and call no models", async () => {
    const own = await token({ uid: "boss", scope: "openid litellm_proxy_admin" });
    const made = await fetch(`${gateway.url}/key/generate`, {
      method: "POST",
      headers: { authorization: `Bearer ${own}` },
      body: "{}",
    });
    expect(made.status).toBe(200);
    expect((await chat(own)).status).toBe(403);
  });

  test("come in every header that a key may come in", async () => {
    const own = await token({ uid: "ann" });
    for (const headers of [{ "x-api-key": own }, { "api-key": own }, { "x-litellm-api-key": `Bearer ${own}` }]) {
      const response = await fetch(`${gateway.url}/v1/models`, { headers: headers as Record<string, string> });
      expect(response.status).toBe(200);
    }
  });
});

describe("tokens that are not", () => {
  test.each<[string, JWTPayload, Signing, number, string]>([
    ["expired", { uid: "ann" }, { expires: Math.floor(Date.now() / 1000) - 120 }, 401, "Expired"],
    ["for another audience", { uid: "ann" }, { audience: "others" }, 401, "aud"],
    ["of another issuer", { uid: "ann" }, { issuer: "https://evil" }, 401, "iss"],
    ["signed by a stranger", { uid: "ann" }, { key: stranger.privateKey }, 401, "signature"],
    ["signed with a key that is not known", { uid: "ann" }, { kid: "second" }, 401, "no key"],
    ["of an address elsewhere", { uid: "eve", email: "eve@evil.com" }, {}, 403, "email"],
    ["of a team that is not there", { uid: "ann", team: "none" }, {}, 403, "Team doesn't exist"],
    ["of an organisation that is not there", { uid: "ann", org: "none" }, {}, 403, "Organization"],
  ])("%s", async (_, claims, signing, status, words) => {
    const response = await chat(await token(claims, signing));
    const body = await response.text();
    expect(response.status).toBe(status);
    expect(body).toContain(words);
  });

  test("without a signature, or signed with the public key as a secret", async () => {
    const unsigned = new UnsecuredJWT({ uid: "ann" })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime("5m")
      .encode();
    expect((await chat(`${unsigned}x`)).status).toBe(401);
    const secret = new TextEncoder().encode(JSON.stringify(jwk));
    const confused = await new SignJWT({ uid: "ann" })
      .setProtectedHeader({ alg: "HS256", kid: "first" })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime("5m")
      .sign(secret);
    const response = await chat(confused);
    expect(response.status).toBe(401);
    expect(await response.text()).toContain("algorithm");
  });

  test("text that only looks like one", async () => {
    for (const text of ["a.b.c", "....", "a.b", "e30.e30.e30"]) expect((await chat(text)).status).toBe(401);
  });
});

test("a team's budget counts for tokens, also of many calls at once", async () => {
  // A call may cost at most 0.00007 or so; the budget pays for some and never for all.
  await admin("/team/new", { team_id: "small", models: ["m"], max_budget: 0.001 });
  const own = await token({ uid: "ann", team: "small" });
  const answers = await Promise.all(Array.from({ length: 60 }, () => chat(own)));
  const statuses = answers.map(({ status }) => status);
  expect(statuses).toContain(200);
  expect(statuses).toContain(422);
});

describe("roles and scopes of the identity provider", () => {
  let strict: RunningGateway;
  beforeAll(async () => {
    strict = await startGateway({
      config: JSON.stringify({
        model_list: ["m", "other"].map((name) => ({
          model_name: name,
          litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "k" },
        })),
        general_settings: {
          enable_jwt_auth: true,
          enforce_rbac: true,
          role_permissions: [{ role: "internal_user", models: ["m"], routes: ["openai_routes", "info_routes"] }],
          litellm_jwtauth: {
            roles_jwt_field: "realm_access.roles",
            object_id_jwt_field: "oid",
            user_id_upsert: true,
            team_ids_jwt_field: "groups",
            sync_user_role_and_teams: true,
            role_mappings: [
              { role: "llm.user", internal_role: "internal_user" },
              { role: "llm.viewer", internal_role: "proxy_admin_viewer" },
            ],
            enforce_scope_based_access: true,
            scope_mappings: [
              { scope: "llm.m", models: ["m"] },
              { scope: "llm.all", models: ["m", "other"] },
            ],
          },
        },
      }),
      env: { JWT_PUBLIC_KEY_URL: `${issuer.url.origin}/keys`, JWT_AUDIENCE: AUDIENCE },
    });
    for (const id of ["green", "grey"]) {
      await fetch(`${strict.url}/team/new`, {
        method: "POST",
        headers: { authorization: `Bearer ${strict.key}` },
        body: JSON.stringify({ team_id: id }),
      });
    }
  });
  afterAll(() => strict.stop());

  const call = (presented: string, model: string): Promise<Response> =>
    fetch(`${strict.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${presented}` },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
    });
  const roles = (...names: string[]) => ({ realm_access: { roles: names } });

  test("decide on models and routes", async () => {
    const nobody = await call(await token({ oid: "ann", ...roles("mail.user") }), "m");
    expect(nobody.status).toBe(403);
    expect(await nobody.text()).toContain("enforce_rbac");
    const user = await token({ oid: "ann", ...roles("llm.user"), scope: "llm.all" });
    expect((await call(user, "m")).status).toBe(200);
    expect((await call(user, "other")).status).toBe(403);
    const unscoped = await token({ oid: "ann", ...roles("llm.user") });
    expect((await call(unscoped, "m")).status).toBe(403);
    const viewer = await token({ oid: "bob", ...roles("llm.viewer"), scope: "llm.m" });
    const spend = await fetch(`${strict.url}/global/spend`, { headers: { authorization: `Bearer ${viewer}` } });
    expect(spend.status).toBe(200);
    expect((await call(viewer, "other")).status).toBe(403);
  });

  test("are written down as the user's, with its teams", async () => {
    const info = async (): Promise<{ user_info: { user_role: string }; teams: { team_id: string }[] }> => {
      const headers = { authorization: `Bearer ${strict.key}` };
      return (await (await fetch(`${strict.url}/user/info?user_id=eve`, { headers })).json()) as never;
    };
    const teams = async (): Promise<string[]> => (await info()).teams.map((team) => team.team_id).sort();
    await call(await token({ oid: "eve", ...roles("llm.user"), groups: ["green", "grey"] }), "m");
    expect((await info()).user_info.user_role).toBe("internal_user");
    expect(await teams()).toEqual(["green", "grey"]);
    await call(await token({ sub: "eve", ...roles("llm.viewer"), groups: ["grey"] }), "m");
    expect((await info()).user_info.user_role).toBe("proxy_admin_viewer");
    expect(await teams()).toEqual(["grey"]);
  });
});
