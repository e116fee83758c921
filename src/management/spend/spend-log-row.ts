import type { JsonObject } from "../../json/json.ts";
import type { SpendRecord } from "../../ledger/record.ts";
import { nanoToNumber } from "../../pricing/cost.ts";

/** A row as LiteLLM's `LiteLLM_SpendLogs` shows it. `status` also says `cancelled` and `interrupted`. */
export function spendLogRow(record: SpendRecord): JsonObject {
  const { proxy_server_request, response, ...metadata } = (record.metadata ?? {}) as JsonObject;
  return {
    request_id: record.id,
    litellm_call_id: record.callId ?? record.id,
    call_type: record.callType,
    api_key: record.keyHash,
    spend: nanoToNumber(BigInt(record.cost)),
    total_tokens: record.totalTokens,
    prompt_tokens: record.promptTokens,
    completion_tokens: record.completionTokens,
    startTime: timeText(record.startedAt),
    endTime: timeText(record.endedAt),
    completionStartTime: record.firstContentAt === undefined ? null : timeText(record.firstContentAt),
    request_duration_ms: Math.max(record.endedAt - record.startedAt, 0),
    model: record.model,
    model_id: record.deploymentId,
    model_group: record.modelGroup,
    custom_llm_provider: record.provider,
    api_base: record.apiBase,
    user: record.userId ?? "",
    end_user: record.endUser ?? null,
    team_id: record.teamId ?? null,
    organization_id: record.organizationId ?? null,
    request_tags: [...(record.tags ?? [])],
    session_id: record.sessionId ?? null,
    status: record.status,
    cache_hit: record.cacheHit === undefined ? "None" : record.cacheHit ? "True" : "False",
    cache_key: "Cache OFF",
    requester_ip_address: record.requesterIp ?? null,
    messages: {},
    response: response ?? {},
    proxy_server_request: proxy_server_request ?? {},
    metadata: {
      ...metadata,
      status: record.status,
      user_api_key: record.keyHash,
      user_api_key_alias: record.keyAlias ?? null,
      user_api_key_team_id: record.teamId ?? null,
      user_api_key_org_id: record.organizationId ?? null,
      user_api_key_user_id: record.userId ?? null,
      requester_ip_address: record.requesterIp ?? null,
      attempted_retries: Math.max(record.attempts.length - 1, 0),
      cost_estimated: record.estimated === true,
      price: record.price,
      usage_object: { ...record.buckets } as JsonObject,
      attempts: record.attempts.map((attempt) => ({ ...attempt })) as unknown as JsonObject[],
      ...(record.status === "success"
        ? {}
        : {
            error_information: {
              error_code: String(record.httpStatus),
              error_class: record.errorCode ?? record.status,
              error_message: record.errorMessage ?? "",
              llm_provider: record.provider,
            },
          }),
    },
  };
}

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
