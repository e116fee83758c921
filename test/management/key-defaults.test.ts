import { expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";

const CONFIG = `
model_list: []
litellm_settings:
  default_key_generate_params: {tpm_limit: 7, metadata: {source: default}}
  upperbound_key_generate_params: {max_budget: 10, duration: 30d}
  default_internal_user_params: {user_role: internal_user_viewer, max_budget: 3}
  default_team_params: {rpm_limit: 5}
`;

test("keys, users and teams get what the configuration says, and no more than it allows", async () => {
  const gateway = await startGateway({ config: CONFIG });
  const post = async (path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" };
    const response = await fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  try {
    const { body } = await post("/key/generate", { duration: "1d" });
    expect(body).toMatchObject({ tpm_limit: 7, metadata: { source: "default" }, max_budget: 10 });
    expect((await post("/key/generate", { tpm_limit: 8 })).body.tpm_limit).toBe(8);
    const above = await post("/key/generate", { max_budget: 11 });
    expect(above.status).toBe(400);
    expect(above.body.detail).toEqual({
      error: "max_budget is over max limit set in config - user_value=11; max_value=10",
    });
    expect((await post("/key/generate", { duration: "2mo" })).status).toBe(400);
    expect((await post("/user/new", {})).body).toMatchObject({ user_role: "internal_user_viewer", max_budget: 3 });
    expect((await post("/team/new", {})).body.rpm_limit).toBe(5);
  } finally {
    await gateway.stop();
  }
}, 30_000);
