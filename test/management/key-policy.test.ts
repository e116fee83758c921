import { expect, test } from "bun:test";
import { stringify } from "yaml";
import { startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";

async function withSettings(
  settings: { readonly general?: object; readonly library?: object },
  run: (client: ManagementClient) => Promise<void>,
): Promise<void> {
  const config = stringify({
    model_list: [],
    general_settings: settings.general ?? {},
    litellm_settings: settings.library ?? {},
  });
  const gateway = await startGateway({ config });
  try {
    await run(new ManagementClient(gateway));
  } finally {
    await gateway.stop();
  }
}

/** A user with a key of its own, who may call the key routes. */
async function member(client: ManagementClient, userId: string) {
  return (await client.ok("POST", "/user/new", { user_id: userId, user_role: "internal_user" })).key as string;
}

test("key_generation_settings: who may make keys, and what they have to say", () =>
  withSettings(
    {
      library: {
        key_generation_settings: {
          team_key_generation: { allowed_team_member_roles: ["admin"], required_params: ["tags"] },
          personal_key_generation: { allowed_user_roles: ["proxy_admin"], required_params: ["metadata"] },
        },
      },
    },
    async (client) => {
      const ada = await member(client, "ada");
      const eve = await member(client, "eve");
      const members_with_roles = [
        { role: "admin", user_id: "ada" },
        { role: "user", user_id: "eve" },
      ];
      const team_member_permissions = ["/key/generate"];
      const { team_id } = await client.ok("POST", "/team/new", { members_with_roles, team_member_permissions });
      const refused = await client.call("POST", "/key/generate", { metadata: {} }, ada);
      expect(refused.status).toBe(400);
      expect(refused.body.detail.error).toContain("Personal key creation has been restricted by admin");
      const without = await client.call("POST", "/key/generate", {});
      expect(without.body.detail.error).toBe("Required param metadata not in data");
      await client.ok("POST", "/key/generate", { metadata: {} });
      const other = await client.call("POST", "/key/generate", { team_id, tags: ["x"] }, eve);
      expect(other.status).toBe(400);
      expect(other.body.detail.error).toBe("Team member role user not in allowed_team_member_roles=['admin']");
      expect((await client.call("POST", "/key/generate", { team_id }, ada)).body.detail.error).toBe(
        "Required param tags not in data",
      );
      await client.ok("POST", "/key/generate", { team_id, tags: ["x"] }, ada);
      await client.ok("POST", "/key/generate", { team_id });
    },
  ));

test("disable_custom_api_keys: secrets are always the gateway's", () =>
  withSettings({ general: { disable_custom_api_keys: true } }, async (client) => {
    expect((await client.call("POST", "/key/generate", { key: "sk-my-own-000000" })).status).toBe(403);
    const made = await client.ok("POST", "/key/generate", {});
    const again = await client.call("POST", `/key/${made.key}/regenerate`, { new_key: "sk-my-own-000000" });
    expect(again.status).toBe(403);
    await client.ok("POST", `/key/${made.key}/regenerate`, {});
  }));

test("aliases have the form that the configuration wants", async () => {
  await withSettings({ library: { key_alias_pattern: "[a-z]+-[0-9]+" } }, async (client) => {
    expect((await client.call("POST", "/key/generate", { key_alias: "crawler" })).body.error.message).toContain(
      "match the configured key_alias_pattern: [a-z]+-[0-9]+",
    );
    const { key } = await client.ok("POST", "/key/generate", { key_alias: "crawler-1" });
    expect((await client.call("POST", "/key/update", { key, key_alias: "crawler-1x" })).status).toBe(400);
    await client.ok("POST", "/key/update", { key, key_alias: "crawler-2" });
  });
  await withSettings({ library: { enable_key_alias_format_validation: true } }, async (client) => {
    expect((await client.call("POST", "/key/generate", { key_alias: "-x" })).status).toBe(400);
    await client.ok("POST", "/key/generate", { key_alias: "team/ada@example.com" });
  });
});

test("disable_key_generate_for_org_admin", () =>
  withSettings({ general: { disable_key_generate_for_org_admin: true } }, async (client) => {
    const admin = await member(client, "boss");
    const { organization_id } = await client.ok("POST", "/organization/new", { organization_alias: "o" });
    const boss = { role: "org_admin", user_id: "boss" };
    await client.ok("POST", "/organization/member_add", { organization_id, member: boss });
    const refused = await client.call("POST", "/key/generate", {}, admin);
    expect(refused.status).toBe(403);
    expect(refused.body.detail.error).toContain("key generation is disabled for org admins");
    await client.ok("POST", "/key/generate", {}, await member(client, "ada"));
  }));
