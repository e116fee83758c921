import { ignored, type Key, later, section, supported } from "../key.ts";
import { amount, anything, count, either, flag, flagOn, list, listOf, map, oneOf, text, texts } from "../value-type.ts";

const cache = later("cache");

const redis: Record<string, Key> = {
  host: supported(text),
  port: supported(count),
  password: supported(either(text, count)),
  username: supported(text),
  url: supported(text),
  db: supported(count),
  ssl: supported(flag),
  ssl_cert_reqs: supported(anything),
  ssl_check_hostname: supported(flag),
  ssl_ca_certs: supported(text),
  namespace: supported(text),
  max_connections: ignored("one connection carries all commands", count),
  socket_timeout: supported(amount),
  redis_startup_nodes: supported(listOf(map)),
  service_name: supported(text),
  sentinel_nodes: supported(list),
  sentinel_password: supported(either(text, count)),
  gcp_service_account: cache(text),
  gcp_ssl_ca_certs: cache(text),
};

/** `litellm_settings.cache_params`. */
export const cacheParams = section("cache_params", {
  ...redis,
  type: supported(
    oneOf(
      "local",
      "redis",
      "redis-semantic",
      "qdrant-semantic",
      "valkey-semantic",
      "s3",
      "gcs",
      "azure-blob",
      "disk",
      "disk-semantic",
    ),
  ),
  ttl: supported(amount),
  default_in_memory_ttl: supported(amount),
  default_in_redis_ttl: supported(amount),
  mode: supported(oneOf("default_on", "default_off")),
  max_messages: supported(count),
  supported_call_types: supported(texts),
  redis_flush_size: ignored("writes go out as they come, those of one moment together", count),
  similarity_threshold: supported(amount),
  redis_semantic_cache_embedding_model: supported(text),
  valkey_semantic_cache_embedding_model: supported(text),
  qdrant_semantic_cache_embedding_model: supported(text),
  redis_semantic_cache_index_name: supported(text),
  valkey_semantic_cache_index_name: supported(text),
  qdrant_api_base: supported(text),
  qdrant_api_key: supported(text),
  qdrant_collection_name: supported(text),
  qdrant_quantization_config: supported(oneOf("binary", "scalar", "product")),
  qdrant_semantic_cache_vector_size: ignored("the first vector says it", count),
  semantic_cache_embedding_timeout: supported(amount),
  semantic_cache_embedding_max_input_tokens: supported(count),
  semantic_cache_scope: supported(oneOf("key", "end_user")),
  s3_bucket_name: supported(text),
  s3_region_name: supported(text),
  s3_endpoint_url: supported(text),
  s3_path: supported(text),
  s3_use_ssl: supported(flagOn),
  s3_verify: ignored("certificates are always checked", anything),
  s3_config: ignored("it is for the Python client of AWS", anything),
  s3_api_version: ignored("it is for the Python client of AWS", text),
  s3_aws_access_key_id: supported(text),
  s3_aws_secret_access_key: supported(text),
  s3_aws_session_token: supported(text),
  gcs_bucket_name: supported(text),
  gcs_path: supported(text),
  gcs_path_service_account: supported(text),
  azure_account_url: supported(text),
  azure_blob_container: supported(text),
  disk_cache_dir: supported(text),
  disk_semantic_cache_embedding_model: supported(text),
});

/** `general_settings.coordination_redis`: a Redis of its own for limits, spend and locks. */
export const coordinationRedis = section(
  "coordination_redis",
  { ...redis, startup_nodes: supported(listOf(map)) },
  // `aws_iam_*` name whatever Amazon's login needs.
  { unknown: "kept" },
);
