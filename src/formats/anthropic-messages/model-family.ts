/** What a generation of Claude takes; https://platform.claude.com/docs/en/about-claude/models/overview (2026-11). */
export interface ModelFamily {
  /**
   * How thinking is asked for: `budget` by tokens, `adaptive` by effort, `either` by both, `none` not at all.
   * https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking (2026-11)
   */
  readonly thinking: "none" | "budget" | "either" | "adaptive";
  /** Thinks unless told not to. */
  readonly thinksByDefault: boolean;
  /** The levels of `output_config.effort`; empty where there is none. */
  readonly efforts: readonly string[];
  /** `one`: temperature or top_p, not both; `none`: the defaults only. */
  readonly sampling: "both" | "one" | "none";
  /** `output_config.format`. */
  readonly structuredOutput: boolean;
  /** `tool_choice` may force a call. */
  readonly forcedToolUse: boolean;
  /** System messages may stand between the turns. */
  readonly systemBetweenTurns: boolean;
}

const BASIC = ["low", "medium", "high"];
const MAX = [...BASIC, "max"];
const ALL = [...BASIC, "xhigh", "max"];

/** Other vendors' models behind this wire format know budgets and nothing that came later. */
const FOREIGN: ModelFamily = {
  thinking: "budget",
  thinksByDefault: false,
  efforts: [],
  sampling: "both",
  structuredOutput: false,
  forcedToolUse: true,
  systemBetweenTurns: false,
};

const NAME =
  /claude(?:-(instant|opus|sonnet|haiku|fable|mythos))?(?:-(\d)(?:[-.](\d{1,2}))?(?!\d)(?:-(opus|sonnet|haiku))?)?/;

/**
 * The family of a model's name, in whatever spelling its platform has (`anthropic.claude-…-v1:0`, `claude-…@2025…`). A
 * deployment of Anthropic's (`owner`) whose name says nothing counts as a current model.
 */
export function modelFamily(model: string, owner = "anthropic"): ModelFamily {
  const match = NAME.exec(model.toLowerCase()) ?? (owner === "anthropic" ? ([] as readonly string[]) : null);
  if (match === null) return FOREIGN;
  const line = match[1] ?? match[4];
  // A name without a version is a current model, save `instant`.
  const version =
    match[2] === undefined ? (line === "instant" ? 100 : 407) : Number(match[2]) * 100 + Number(match[3] ?? 0);
  if (version < 307) return { ...FOREIGN, thinking: "none" };
  return {
    thinking: version >= 407 ? "adaptive" : version >= 406 ? "either" : "budget",
    thinksByDefault: version >= 500,
    efforts: version >= 407 ? ALL : version >= 406 ? MAX : version === 405 && line === "opus" ? BASIC : [],
    sampling: version >= 407 ? "none" : version >= 401 ? "one" : "both",
    structuredOutput: version >= 401,
    forcedToolUse:
      !(version >= 505 && line !== "haiku") && !(version >= 501 && (line === "fable" || line === "mythos")),
    systemBetweenTurns: version >= 408,
  };
}
