import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient, unique } from "../support/management-client.ts";

let gateway: RunningGateway;
let api: ManagementClient;
beforeAll(async () => {
  const entry = (name: string, region: string) =>
    `  - {model_name: ${name}, litellm_params: {model: openai/m, api_key: k, mock_response: from ${region}, region_name: ${region}}, model_info: {id: ${name}-${region}}}\n`;
  gateway = await startGateway({
    config: `model_list:
${entry("both", "eu")}${entry("both", "us")}${entry("american", "us")}${entry("european", "eu")}`,
  });
  api = new ManagementClient(gateway);
});
afterAll(() => gateway.stop());

const said = (answer: { body: { choices: { message: { content: string } }[] } }) =>
  answer.body.choices[0]?.message.content;

test("a blocked end user is refused, whoever asks for it, until it is unblocked", async () => {
  const user = unique("customer");
  expect((await api.chat("both", undefined, { user })).status).toBe(200);
  await api.ok("POST", "/customer/block", { user_ids: [user] });
  const refused = await api.chat("both", undefined, { user });
  expect(refused.status).toBe(400);
  expect(refused.body.error.message).toContain(`User blocked from making LLM API Calls. User=${user}`);
  expect((await api.chat("both")).status).toBe(200);
  await api.ok("POST", "/customer/update", { user_id: user, blocked: false });
  expect((await api.chat("both", undefined, { user })).status).toBe(200);
});

test("an end user's list of models counts", async () => {
  const user = unique("customer");
  await api.ok("POST", "/customer/new", { user_id: user, models: ["european"] });
  expect((await api.chat("european", undefined, { user })).status).toBe(200);
  const refused = await api.chat("both", undefined, { user });
  expect(refused).toMatchObject({ status: 403, body: { error: { type: "customer_model_access_denied" } } });
});

test("what is for one region goes nowhere else, by no name; the default model serves what is not there", async () => {
  const user = unique("customer");
  await api.ok("POST", "/customer/new", { user_id: user, allowed_model_region: "eu" });
  for (let ask = 0; ask < 8; ask++) expect(said(await api.chat("both", undefined, { user }))).toBe("from eu");
  for (const model of ["american", "american-us"]) {
    const refused = await api.chat(model, undefined, { user });
    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toContain("region");
  }
  const fallback = await api.chat("american", undefined, { user, fallbacks: ["american-us"] });
  expect(fallback.status).toBe(400);
  await api.ok("POST", "/customer/update", { user_id: user, default_model: "european" });
  expect(said(await api.chat("american", undefined, { user }))).toBe("from eu");
  const nameless = { messages: [{ role: "user", content: "hi" }], user };
  expect(said(await api.call("POST", "/v1/chat/completions", nameless))).toBe("from eu");
});
