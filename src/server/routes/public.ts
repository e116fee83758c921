import { z } from "zod";
import type { JsonObject } from "../../json/json.ts";
import { costMap } from "../../management/cost-map/cost-map-routes.ts";
import { publicGroups } from "../../management/public/public-groups.ts";
import { LITELLM_CONTRACT_VERSION } from "../../pipeline/answer-headers.ts";
import { catalogueEdition } from "../../pricing/catalogue.ts";
import { allProviders } from "../../providers/registry.ts";
import type { Route } from "../route.ts";
import { groupRow } from "./model-info.ts";

const described = { method: "GET", permission: "public", tag: "public" } as const;

/** What nobody needs a key for. */
export const publicRoutes: readonly Route[] = [
  {
    ...described,
    path: "/public/model_hub",
    summary: "The model groups that were made public",
    handle: async ({ services }) => {
      const snapshot = services.snapshot();
      const groups = new Map([
        ...snapshot.groups,
        ...snapshot.wildcards.map(({ pattern, deployments }) => [pattern, deployments] as const),
      ]);
      const names = await publicGroups(services.management);
      return Response.json(
        names.flatMap((name) => {
          const deployments = groups.get(name);
          return deployments === undefined ? [] : [{ ...groupRow(name, deployments), is_public_model_group: true }];
        }),
      );
    },
  },
  {
    ...described,
    path: "/public/model_hub/info",
    summary: "What the hub calls itself",
    handle: () =>
      Response.json({
        docs_title: "Isthmus",
        custom_docs_description: null,
        litellm_version: LITELLM_CONTRACT_VERSION,
        useful_links: {},
      }),
  },
  {
    ...described,
    path: "/public/providers",
    summary: "Prefixes of the providers that are supported",
    handle: () => Response.json(allProviders().map(({ id }) => id)),
  },
  {
    ...described,
    path: "/public/providers/fields",
    summary: "What each provider needs to be told",
    handle: () => Response.json(allProviders().map(providerFields)),
  },
  {
    ...described,
    path: "/public/litellm_model_cost_map",
    summary: "Every model that is known, with its prices; prices of deployments are not in it",
    query: { catalog_only: z.boolean().describe("The answer is the catalogue either way") },
    handle: () => new Response(costMapText(), { headers: { "content-type": "application/json" } }),
  },
];

let text: { readonly edition: number; readonly json: string } | undefined;

/** Some megabytes, made once for each edition. */
function costMapText(): string {
  const edition = catalogueEdition();
  if (text?.edition !== edition) text = { edition, json: JSON.stringify(costMap()) };
  return text.json;
}

function providerFields(provider: ReturnType<typeof allProviders>[number]): JsonObject {
  const field = (key: string, label: string, required: boolean, secret: boolean): JsonObject => ({
    key,
    label,
    placeholder: null,
    tooltip: null,
    required,
    field_type: secret ? "password" : "text",
    options: null,
    default_value: null,
  });
  return {
    provider: provider.id,
    provider_display_name: provider.id,
    litellm_provider: provider.id,
    default_model_placeholder: `${provider.id}/…`,
    credential_fields: [
      ...(provider.key === "none" ? [] : [field("api_key", "API key", provider.key === "required", true)]),
      field("api_base", "API base", false, false),
    ],
  };
}
