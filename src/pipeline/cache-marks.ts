import { type InjectionPoint, injectionPoints } from "../formats/cache-marks.ts";
import type { SealOwner } from "../formats/conversation.ts";
import type { Endpoint } from "../providers/provider.ts";
import type { Deployment } from "../snapshot/snapshot.ts";
import type { RequestContext } from "./request-context.ts";

const NONE: readonly InjectionPoint[] = [];

/**
 * Where the prompt is marked for the provider's cache: as the request says, else the deployment
 * (`cache_control_injection_points`), else `enable_anthropic_prompt_caching` for Claude: after the tools, the system
 * prompt and the last message. Nowhere where the endpoint has no marks.
 */
export function cacheMarksFor(
  { body, snapshot }: RequestContext,
  { settings }: Deployment,
  endpoint: Endpoint,
  owner: SealOwner,
): readonly InjectionPoint[] {
  const { raw } = snapshot.library;
  const own = body.cache_control_injection_points ?? settings.cacheControlInjectionPoints;
  const automatic = raw.enable_anthropic_prompt_caching === true && owner === "anthropic";
  if ((own === undefined && !automatic) || !takesMarks(endpoint)) return NONE;
  if (own !== undefined) return injectionPoints(own);
  const mark = raw.anthropic_prompt_caching_ttl === "1h" ? ({ ttl: "1h" } as const) : {};
  return [
    { location: "tools", mark },
    { location: "message", role: "system", mark },
    { location: "message", index: -1, mark },
  ];
}

function takesMarks({ format, parameters }: Endpoint): boolean {
  return format === "bedrock-converse" || parameters?.keepCacheControl === true;
}
