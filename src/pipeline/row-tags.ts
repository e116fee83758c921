import type { RequestContext } from "./request-context.ts";
import { requestRulesOf } from "./request-rules.ts";

/**
 * The tags of a request's row: those that it and its caller's rules name, its `User-Agent` with and without what stands
 * behind the name, as LiteLLM has it, and the header fields of `extra_spend_tag_headers`. Limits and routing know the
 * first alone. Undefined for none.
 */
export function rowTags({ controls, request, snapshot }: RequestContext): readonly string[] | undefined {
  const { headers } = request;
  const agent = snapshot.library.raw.disable_add_user_agent_to_request_tags === true ? null : headers.get("user-agent");
  const rules = requestRulesOf(snapshot);
  const own = controls.tags;
  if ((agent === null || agent === "") && rules === undefined) return own.length === 0 ? undefined : own;
  const tags = [...own];
  if (agent !== null && agent !== "") {
    const slash = agent.indexOf("/");
    if (slash !== -1) tags.push(`User-Agent: ${agent.slice(0, slash)}`);
    tags.push(`User-Agent: ${agent}`);
  }
  for (const name of rules?.spendTagHeaders ?? []) {
    const value = headers.get(name);
    if (value !== null && value !== "") tags.push(`${name}: ${value}`);
  }
  return tags.length === 0 ? undefined : tags;
}
