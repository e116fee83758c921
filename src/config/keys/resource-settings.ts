import { section, supported } from "../key.ts";
import { map, sectionOf, text } from "../value-type.ts";

/** One entry of `files_settings` or `finetune_settings`: what else stands in it is a parameter of the provider. */
export const resourceProvider = section(
  "files_settings[] and finetune_settings[]",
  {
    custom_llm_provider: supported(text),
    api_key: supported(text),
    api_base: supported(text),
    api_version: supported(text),
  },
  { unknown: "kept", required: ["custom_llm_provider"] },
);

export const assistantSettings = section("assistant_settings", {
  custom_llm_provider: supported(text),
  litellm_params: supported(map),
});

export const vectorStoreParams = section(
  "vector_store_registry[].litellm_params",
  { vector_store_id: supported(text), custom_llm_provider: supported(text) },
  { unknown: "kept", required: ["vector_store_id", "custom_llm_provider"] },
);

export const vectorStore = section(
  "vector_store_registry[]",
  { vector_store_name: supported(text), litellm_params: supported(sectionOf(vectorStoreParams)) },
  { unknown: "kept", required: ["litellm_params"] },
);
