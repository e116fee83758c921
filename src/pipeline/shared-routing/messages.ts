import { ERROR_CODES, type ErrorCode } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import type { Binding } from "../../routing/affinity.ts";
import type { Cooldown } from "../../routing/deployment-state.ts";
import type { CooldownKnowledge } from "../../routing/shared/cooldown-knowledge.ts";
import type { MinuteUse } from "../../routing/shared/minute-tally.ts";
import type { CheckedDeployment } from "../health-checks.ts";
import type { HealthOutcome } from "../health-probe.ts";

/** Totals of one process in one minute of the clock. */
export interface UseWord {
  readonly minute: number;
  /** Grows with each word of the process. */
  readonly number: number;
  /** By deployment id. */
  readonly use: ReadonlyMap<string, MinuteUse>;
}

/** What processes say to each other, by the channel they share. */
export type RoutingMessage =
  /** A process began: whoever is alone is no longer. */
  | { readonly kind: "hello" }
  | { readonly kind: "use"; readonly word: UseWord }
  | { readonly kind: "cooldown"; readonly deployment: string; readonly knowledge: CooldownKnowledge }
  | { readonly kind: "health"; readonly checked: CheckedDeployment }
  /** A failure that counts, of a kind, for so many milliseconds. */
  | { readonly kind: "failure"; readonly deployment: string; readonly of: string; readonly ttl: number }
  | { readonly kind: "affinity"; readonly bindings: readonly Binding[] };

/** Longer texts of failed checks are cut. */
const LONGEST_ERROR = 2000;

export function encodeMessage(from: string, message: RoutingMessage): string {
  switch (message.kind) {
    case "hello":
      return JSON.stringify({ from, kind: "hello" });
    case "use":
      return JSON.stringify({ from, kind: "use", word: useObject(message.word) });
    case "cooldown":
      return JSON.stringify({
        from,
        kind: "cooldown",
        deployment: message.deployment,
        knowledge: knowledgeObject(message.knowledge),
      });
    case "health":
      return JSON.stringify({ from, kind: "health", checked: healthObject(message.checked) });
    case "failure":
      return JSON.stringify({ from, ...message });
    case "affinity": {
      const bindings = message.bindings.map(({ key, deployment, until }): Json => [key, deployment, until]);
      return JSON.stringify({ from, kind: "affinity", bindings });
    }
  }
}

/** Undefined for what is no message, such as that of another version. */
export function decodeMessage(text: string): { readonly from: string; readonly message: RoutingMessage } | undefined {
  const object = asObject(parseJson(text));
  const from = asString(object?.from);
  const message = object === undefined ? undefined : messageOf(object);
  return from === undefined || message === undefined ? undefined : { from, message };
}

function messageOf(object: JsonObject): RoutingMessage | undefined {
  switch (object.kind) {
    case "hello":
      return { kind: "hello" };
    case "use": {
      const word = useOf(object.word);
      return word === undefined ? undefined : { kind: "use", word };
    }
    case "cooldown": {
      const deployment = asString(object.deployment);
      const knowledge = knowledgeOf(object.knowledge);
      return deployment === undefined || knowledge === undefined
        ? undefined
        : { kind: "cooldown", deployment, knowledge };
    }
    case "health": {
      const checked = healthOf(object.checked);
      return checked === undefined ? undefined : { kind: "health", checked };
    }
    case "failure": {
      const deployment = asString(object.deployment);
      const of = asString(object.of);
      const ttl = asNumber(object.ttl);
      return deployment === undefined || of === undefined || ttl === undefined
        ? undefined
        : { kind: "failure", deployment, of, ttl };
    }
    case "affinity":
      return { kind: "affinity", bindings: asArray(object.bindings).flatMap(bindingOf) };
    default:
      return undefined;
  }
}

function bindingOf(value: Json): Binding[] {
  const [key, deployment, until] = asArray(value);
  return typeof key === "string" && typeof deployment === "string" && typeof until === "number"
    ? [{ key, deployment, until }]
    : [];
}

export function encodeUse(word: UseWord): string {
  return JSON.stringify(useObject(word));
}

export function decodeUse(text: string): UseWord | undefined {
  return useOf(parseJson(text));
}

export function encodeKnowledge(knowledge: CooldownKnowledge): string {
  return JSON.stringify(knowledgeObject(knowledge));
}

export function decodeKnowledge(text: string): CooldownKnowledge | undefined {
  return knowledgeOf(parseJson(text));
}

export function encodeHealth(checked: CheckedDeployment): string {
  return JSON.stringify(healthObject(checked));
}

export function decodeHealth(text: string): CheckedDeployment | undefined {
  return healthOf(parseJson(text));
}

function useObject({ minute, number, use }: UseWord): JsonObject {
  const entries = [...use].map(([id, { requests, tokens, input, output }]): [string, Json] => [
    id,
    [requests, tokens, input, output],
  ]);
  return { minute, number, use: Object.fromEntries(entries) };
}

function useOf(value: Json | undefined): UseWord | undefined {
  const object = asObject(value);
  const minute = asNumber(object?.minute);
  const number = asNumber(object?.number);
  const entries = asObject(object?.use);
  if (minute === undefined || number === undefined || entries === undefined) return undefined;
  const use = new Map<string, MinuteUse>();
  for (const [id, figures] of Object.entries(entries)) {
    const [requests = 0, tokens = 0, input = 0, output = 0] = asArray(figures).map((figure) => asNumber(figure) ?? 0);
    use.set(id, { requests, tokens, input, output });
  }
  return { minute, number, use };
}

function knowledgeObject({ recovered, cooldowns }: CooldownKnowledge): JsonObject {
  return { recovered, cooldowns: cooldowns.map(({ since, until, code }): Json => [since, until, code]) };
}

function knowledgeOf(value: Json | undefined): CooldownKnowledge | undefined {
  const object = asObject(value);
  const recovered = asNumber(object?.recovered);
  if (recovered === undefined) return undefined;
  const cooldowns = asArray(object?.cooldowns).flatMap((item): Cooldown[] => {
    const [since, until, code] = asArray(item);
    return typeof since === "number" && typeof until === "number" && isErrorCode(code) ? [{ since, until, code }] : [];
  });
  return { recovered, cooldowns };
}

function isErrorCode(value: Json | undefined): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CODES, value);
}

function healthObject({ deploymentId, at, outcome }: CheckedDeployment): JsonObject {
  return {
    deploymentId,
    at,
    outcome: outcome.status === "unhealthy" ? { ...outcome, error: outcome.error.slice(0, LONGEST_ERROR) } : outcome,
  };
}

function healthOf(value: Json | undefined): CheckedDeployment | undefined {
  const object = asObject(value);
  const deploymentId = asString(object?.deploymentId);
  const at = asNumber(object?.at);
  const outcome = outcomeOf(asObject(object?.outcome) ?? {});
  return deploymentId === undefined || at === undefined || outcome === undefined
    ? undefined
    : { deploymentId, at, outcome };
}

function outcomeOf(object: JsonObject): HealthOutcome | undefined {
  const seconds = asNumber(object.seconds) ?? 0;
  switch (object.status) {
    case "healthy": {
      const limits = Object.entries(asObject(object.rateLimits) ?? {});
      const rateLimits = Object.fromEntries(
        limits.flatMap(([name, text]) => (typeof text === "string" ? [[name, text]] : [])),
      );
      return { status: "healthy", rateLimits, seconds };
    }
    case "unhealthy":
      return {
        status: "unhealthy",
        error: asString(object.error) ?? "",
        transient: object.transient === true,
        seconds,
      };
    case "unprobed":
      return { status: "unprobed", reason: asString(object.reason) ?? "" };
    default:
      return undefined;
  }
}
