import { afterAll, beforeAll, expect, test } from "bun:test";
import { stringify } from "yaml";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";

const deployment = (name: string, info: object, reply = name) => ({
  model_name: name,
  litellm_params: { model: "echo/echo", mock_response: reply },
  model_info: info,
});
let gateway: RunningGateway;
let client: ManagementClient;
let key: string;
beforeAll(async () => {
  gateway = await startGateway({
    config: stringify({
      model_list: [
        deployment("open", {}),
        deployment("paused", { blocked: true }),
        deployment("half", { blocked: true }, "never"),
        deployment("half", {}, "always"),
        deployment("quiet", { discoverable: false }),
        deployment("grouped", { access_groups: ["beta"] }),
      ],
      router_settings: { model_group_alias: { other: "paused" } },
    }),
  });
  client = new ManagementClient(gateway);
  key = (await client.ok("POST", "/key/generate", {})).key;
});
afterAll(() => gateway.stop());

const namesOf = async (asked: string): Promise<string[]> =>
  (await client.ok("GET", "/v1/models", undefined, asked)).data.map(({ id }: { id: string }) => id);

test("model_info.blocked: no deployment that is paused is called; a model of such ones alone is not listed", async () => {
  const refused = await client.chat("paused", key);
  expect(refused.status).toBe(503);
  expect(refused.body.error.message).toContain("Model 'paused' is currently paused and cannot accept requests.");
  for (let call = 0; call < 10; call++) {
    expect((await client.chat("half", key)).body.choices[0].message.content).toBe("always");
  }
  expect(await namesOf(key)).toEqual(["open", "half", "grouped"]);
});

test("model_info.discoverable: false hides a model from all but administrators; it can be called", async () => {
  expect(await namesOf(gateway.key)).toEqual(["open", "half", "quiet", "grouped"]);
  expect((await client.chat("quiet", key)).status).toBe(200);
  const { data } = await client.ok("GET", "/model/info", undefined, key);
  expect(data.map(({ model_name }: { model_name: string }) => model_name)).not.toContain("quiet");
});

test("model_info.access_groups: a key for the group may call its models alone", async () => {
  const beta = (await client.ok("POST", "/key/generate", { models: ["beta"] })).key;
  expect((await client.chat("grouped", beta)).status).toBe(200);
  expect((await client.chat("open", beta)).status).toBe(403);
});
