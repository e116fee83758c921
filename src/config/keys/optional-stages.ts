import { later, section } from "../key.ts";
import { amount, anything, either, flag, flagOn, map, mapOf, oneOf, sectionOf, text, texts } from "../value-type.ts";

const guardrails = later("guardrails");
const mcp = later("MCP");

/** Every guardrail has options of its own. */
const guardrailParams = section(
  "guardrails[].litellm_params",
  {
    guardrail: guardrails(text),
    mode: guardrails(either(text, texts, map)),
    default_on: guardrails(flag),
    api_key: guardrails(text),
    api_base: guardrails(text),
  },
  { unknown: "kept", required: ["guardrail", "mode"] },
);

/** One entry of `guardrails`. */
export const guardrail = section(
  "guardrails[]",
  {
    guardrail_name: guardrails(text),
    litellm_params: guardrails(sectionOf(guardrailParams)),
    guardrail_info: guardrails(map),
    policy_template: guardrails(anything),
  },
  { required: ["guardrail_name", "litellm_params"] },
);

/** One server of `mcp_servers`. */
export const mcpServer = section("mcp_servers.*", {
  url: mcp(text),
  command: mcp(text),
  args: mcp(texts),
  env: mcp(map),
  spec_path: mcp(text),
  transport: mcp(oneOf("sse", "http", "stdio")),
  server_id: mcp(text),
  alias: mcp(text),
  description: mcp(text),
  auth_type: mcp(
    oneOf(
      "none",
      "api_key",
      "bearer_token",
      "basic",
      "authorization",
      "token",
      "oauth2",
      "oauth2_token_exchange",
      "aws_sigv4",
    ),
  ),
  auth_value: mcp(text),
  authentication_token: mcp(text),
  authorization_url: mcp(text),
  token_url: mcp(text),
  registration_url: mcp(text),
  client_id: mcp(text),
  client_secret: mcp(text),
  scopes: mcp(texts),
  extra_headers: mcp(texts),
  static_headers: mcp(map),
  allowed_tools: mcp(texts),
  disallowed_tools: mcp(texts),
  allowed_params: mcp(mapOf(texts)),
  access_groups: mcp(texts),
  mcp_access_groups: mcp(texts),
  allow_all_keys: mcp(flag),
  available_on_public_internet: mcp(flagOn),
  mcp_info: mcp(map),
  spec_version: mcp(anything),
  tool_name_to_display_name: mcp(map),
  timeout: mcp(amount),
});
