import type { JsonObject } from "../json/json.ts";
import type { AutoDecision } from "./auto/decision.ts";
import type { Candidate } from "./candidate.ts";
import { type FallbackTables, fallbacksAfter } from "./fallbacks.ts";
import { noDeployment } from "./no-deployment.ts";
import { promptPrefixes } from "./prompt-prefix.ts";
import type { RouteRequest } from "./route-request.ts";
import type { Router } from "./router.ts";
import { remaining, warmAmong } from "./select.ts";
import type { Drop } from "./selection.ts";
import type { Resolved, SnapshotRouting } from "./snapshot-routing.ts";
import { adaptiveScore, fastestKnown } from "./strategies/adaptive.ts";
import { meanLatency } from "./strategies/latency-based.ts";

export interface ExplainInput {
  readonly router: Router;
  readonly routing: SnapshotRouting;
  readonly request: RouteRequest;
  readonly tables: FallbackTables;
  readonly decision?: AutoDecision | undefined;
}

/** What would happen to a request now, group by group, without asking anybody or changing anything. */
export function explainRoute({ router, routing, request, tables, decision }: ExplainInput): JsonObject {
  const resolved = routing.resolve(decision?.model ?? request.model, request.teamId);
  const chosen = decision === undefined ? [] : [decision.model];
  const names = [request.model, ...chosen, ...(resolved === undefined ? [] : [resolved.match.group])];
  const after = (code: "internal" | "context_window_exceeded" | "content_policy_violation"): readonly string[] =>
    fallbacksAfter(tables, code, names).map(({ model }) => model);
  const general =
    resolved === undefined ? (tables.general?.get("*") ?? []).map(({ model }) => model) : after("internal");
  const fallbacks = {
    general,
    context_window: after("context_window_exceeded"),
    content_policy: after("content_policy_violation"),
  };
  const others = [...new Set(Object.values(fallbacks).flat())];
  return {
    model: request.model,
    known: resolved !== undefined,
    ...(decision === undefined ? {} : { auto_router: shownDecision(decision) }),
    ...(resolved === undefined ? {} : groupOf(router, routing, request, resolved)),
    max_retries: routing.rules.settings.numRetries,
    max_fallbacks: routing.rules.maxFallbacks,
    fallbacks,
    fallback_groups: others.map((model) => {
      const group = routing.resolve(model, request.teamId);
      return { model, ...(group === undefined ? { known: false } : groupOf(router, routing, request, group)) };
    }),
  };
}

function shownDecision({ kind, model, because, tier, score, signals, keyword, complexity }: AutoDecision): JsonObject {
  return {
    kind,
    routed_to: model,
    cause: because,
    ...(tier === undefined ? {} : { tier }),
    ...(complexity === undefined ? {} : { complexity }),
    ...(score === undefined ? {} : { score: rounded(score) }),
    ...(signals === undefined ? {} : { signals }),
    ...(keyword === undefined ? {} : { keyword }),
  };
}

function groupOf(router: Router, routing: SnapshotRouting, request: RouteRequest, resolved: Resolved): JsonObject {
  const { match, group } = resolved;
  const now = router.now();
  const pinned = match.pinned === true || request.pinnedDeployment !== undefined;
  const drops: Drop[] = [];
  const input = { request, rules: routing.rules, now, random: () => 0, tried: new Set<string>(), drops };
  const { kept, emptiedBy } = pinned ? { kept: group.candidates, emptiedBy: undefined } : remaining(group, input);
  const prefixes = group.promptCaching ? promptPrefixes(request.body, request.promptBytes) : [];
  const warm = warmAmong(kept, prefixes, router.affinity, now);
  const reasons = new Map(drops.map((drop) => [drop.candidate, drop]));
  const refusal =
    emptiedBy === undefined || emptiedBy === "capacity"
      ? undefined
      : noDeployment({
          group,
          model: match.group,
          emptiedBy,
          drops,
          preCallChecks: routing.rules.preCallChecks,
          cooldownSeconds: routing.rules.cooldown.seconds,
          now,
        });
  return {
    group: match.group,
    ...(match.captured === undefined ? {} : { captured: match.captured }),
    ...(pinned ? { pinned } : {}),
    strategy: group.strategy,
    steps: group.stages.map(({ name }) => name),
    deployments: group.candidates.map((candidate) => {
      const drop = reasons.get(candidate);
      const { deployment } = candidate;
      return {
        model_id: deployment.id,
        model: deployment.litellmModel,
        provider: deployment.provider,
        considered: drop === undefined,
        ...(drop === undefined ? {} : { dropped_because: drop.reason }),
        ...(drop?.detail === undefined ? {} : { detail: drop.detail }),
        ...(candidate === warm ? { prompt_cache: "warm" } : {}),
        ...figures(group.strategy, candidate, kept, now, routing),
        state: stateOf(candidate, now),
      };
    }),
    ...(emptiedBy === undefined ? {} : { nobody_left_after: emptiedBy }),
    ...(emptiedBy === "capacity" ? { waits_for_a_slot: group.queue.length + 1 } : {}),
    ...(refusal === undefined
      ? {}
      : { refusal: { status: refusal.status, code: refusal.code, message: refusal.message } }),
  };
}

/** What the strategy compares. */
function figures(
  strategy: string,
  candidate: Candidate,
  kept: readonly Candidate[],
  now: number,
  { rules }: SnapshotRouting,
): JsonObject {
  const { state, weight, rpm, tpm, price } = candidate;
  switch (strategy) {
    case "adaptive":
      return { score: rounded(adaptiveScore(candidate, now, fastestKnown(kept, now))) };
    case "least-busy":
      return { in_flight: state.inFlight };
    case "usage-based-routing":
    case "usage-based-routing-v2":
      return { tokens_this_minute: state.minute.tokens(now) };
    case "latency-based-routing":
      return { seconds_per_token: rounded(meanLatency(candidate, now, rules.latency.ttl)) };
    case "cost-based-routing":
      return { dollars_per_token_in_and_out: price };
    default: {
      const figure = weight ?? rpm ?? tpm;
      return figure === undefined ? {} : { weight: figure };
    }
  }
}

function stateOf({ state, maxParallel, rpm, tpm, itpm, otpm, budgets }: Candidate, now: number): JsonObject {
  const latency = state.latency(now);
  const phase = state.phase(now);
  return {
    in_flight: state.inFlight,
    ...(maxParallel === undefined ? {} : { max_parallel_requests: maxParallel }),
    requests_this_minute: state.minute.requests(now),
    ...(rpm === undefined ? {} : { rpm }),
    tokens_this_minute: state.minute.tokens(now),
    ...(tpm === undefined ? {} : { tpm }),
    ...(itpm === undefined ? {} : { input_tokens_this_minute: state.minute.input(now), itpm }),
    ...(otpm === undefined ? {} : { output_tokens_this_minute: state.minute.output(now), otpm }),
    error_rate: rounded(state.errorRate(now)),
    ...(latency === undefined ? {} : { seconds_to_first_content: rounded(latency) }),
    cooldown: phase,
    ...(state.cooldown === undefined
      ? {}
      : { cooldown_until: new Date(state.cooldown.until).toISOString(), cooldown_because: state.cooldown.code }),
    ...(state.health === undefined
      ? {}
      : { healthy: state.health.healthy, health_checked_at: new Date(state.health.at).toISOString() }),
    ...(budgets.length === 0
      ? {}
      : {
          budgets: budgets.map((budget) => ({
            of: budget.kind,
            spent: Number(budget.spent(now)) / 1e9,
            limit: Number(budget.limit) / 1e9,
          })),
        }),
  };
}

function rounded(figure: number): number {
  return Number(figure.toPrecision(4));
}
