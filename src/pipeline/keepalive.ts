import { asNumber } from "../json/json.ts";
import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";

/** A sign of life for a client, or a proxy before it, that would give a silent stream up. */
export interface Ping {
  /** Silence after which it is sent, and sent again. */
  readonly seconds: number;
  readonly text: string;
}

/** Anthropic's own event; clients of other formats skip comments (Server-sent events, WHATWG HTML, 9.2.6). */
const EVENT = 'event: ping\ndata: {"type": "ping"}\n\n';
const COMMENT = ": ping\n\n";

/** LiteLLM's default for Anthropic Messages, in seconds. */
const ANTHROPIC_SECONDS = 15;

/** Undefined where the format knows no sign of life: Google's clients take a comment for the beginning of an answer. */
function textFor(context: RequestContext): string | undefined {
  if (context.streamFraming !== undefined || context.client.id === "gemini") return undefined;
  return context.client.id === "anthropic-messages" ? EVENT : COMMENT;
}

interface Intervals {
  /** `sse_keepalive_ping_interval_seconds`. */
  readonly general: number | undefined;
  readonly anthropic: number;
  /** Whether any deployment has one of its own. */
  readonly own: boolean;
}

const intervals = new WeakMap<Snapshot, Intervals>();

function intervalsOf(snapshot: Snapshot): Intervals {
  let known = intervals.get(snapshot);
  if (known === undefined) {
    const { general, library } = snapshot;
    const name = "sse_keepalive_ping_interval_seconds";
    known = {
      general: asNumber(library.raw[name]) ?? asNumber(general.raw[name]),
      anthropic: asNumber(library.raw.anthropic_sse_ping_interval_seconds) ?? ANTHROPIC_SECONDS,
      own: [...snapshot.deploymentsById.values()].some(({ settings }) => settings.keepaliveSeconds !== undefined),
    };
    intervals.set(snapshot, known);
  }
  return known;
}

/**
 * Pings while nobody has answered yet, for which the client's answer begins early; undefined unless the operator asks
 * for them. A deployment's `keepalive_seconds` counts where all that may answer agree; 0 is never.
 */
export function pingBeforeContent(gateway: Gateway, context: RequestContext): Ping | undefined {
  if (!context.stream) return undefined;
  const { general, own } = intervalsOf(context.snapshot);
  if (general === undefined && !own) return undefined;
  let seconds = general;
  if (own) {
    const resolved = gateway.router.of(context.snapshot).resolve(context.requestedModel, context.principal.teamId);
    const configured = new Set(resolved?.match.deployments.map(({ settings }) => settings.keepaliveSeconds));
    if (configured.size === 1) seconds = [...configured][0] ?? general;
  }
  return pingOf(seconds, textFor(context));
}

/** Pings while a stream that has begun is silent. */
export function pingWithin(context: RequestContext, { settings }: Deployment): Ping | undefined {
  const { general, anthropic } = intervalsOf(context.snapshot);
  const asked = settings.allowClientKeepalive === true ? asNumber(context.body.keepalive_seconds) : undefined;
  const standard = general ?? (context.client.id === "anthropic-messages" ? anthropic : undefined);
  return pingOf(asked ?? settings.keepaliveSeconds ?? standard, textFor(context));
}

function pingOf(seconds: number | undefined, text: string | undefined): Ping | undefined {
  return seconds === undefined || seconds <= 0 || text === undefined ? undefined : { seconds, text };
}
