import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../json/json.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";

/** What the configuration wants of every model request: whose it is, what it must say and what it may not. */
export interface RequestRules {
  /** Header fields that name the end user, before the body does (`user_header_mappings`, `user_header_name`). */
  readonly endUserHeaders: readonly string[];
  /** Header field whose value becomes the body's `user` where it has none (`user_header_name`). */
  readonly userHeader: string | undefined;
  /** Header field that names the user whose spend it is (`user_header_mappings`). */
  readonly internalUserHeader: string | undefined;
  /** The body's `user` becomes the hash of the key. */
  readonly stampsKeyHash: boolean;
  readonly requiresUser: boolean;
  readonly enforcedParams: readonly string[];
  /** Of keys that are service accounts, beside those of all. */
  readonly serviceAccountParams: readonly string[];
  readonly rejectsTags: boolean;
  readonly blockedUsers: ReadonlySet<string>;
  /** An end user whom the database does not know is no end user. */
  readonly validatesEndUser: boolean;
  /** Rows and customers' budgets do not say whose a request was. */
  readonly ignoresEndUser: boolean;
  /** Header fields that become tags of the row: `name: value`. */
  readonly spendTagHeaders: readonly string[];
  /** The provider is told whose the request is, in header fields. */
  readonly tellsUser: boolean;
}

const compiled = new WeakMap<Snapshot, RequestRules | null>();

/** Worked out once for each configuration; undefined where none of them is set. */
export function requestRulesOf(snapshot: Snapshot): RequestRules | undefined {
  let rules = compiled.get(snapshot);
  if (rules === undefined) {
    rules = compile(snapshot.general.raw, snapshot.library.raw);
    compiled.set(snapshot, rules);
  }
  return rules ?? undefined;
}

function compile(general: JsonObject, library: JsonObject): RequestRules | null {
  const mapped = headersOfRole(general.user_header_mappings, "customer");
  const userHeader = lower(general.user_header_name);
  const rules: RequestRules = {
    // The mapping takes the place of the older name, as in LiteLLM.
    endUserHeaders: mapped.length > 0 ? mapped : userHeader === undefined ? [] : [userHeader],
    userHeader,
    internalUserHeader: headersOfRole(general.user_header_mappings, "internal_user")[0],
    stampsKeyHash: library.overwrite_user_with_key_hash === true,
    requiresUser: general.enforce_user_param === true,
    enforcedParams: texts(general.enforced_params),
    serviceAccountParams: texts(asObject(general.service_account_settings)?.enforced_params),
    rejectsTags: general.reject_clientside_metadata_tags === true,
    blockedUsers: new Set(texts(library.blocked_user_list)),
    validatesEndUser: library.validate_end_user_id_in_db === true,
    ignoresEndUser: library.disable_end_user_cost_tracking === true,
    spendTagHeaders: texts(library.extra_spend_tag_headers),
    tellsUser: library.add_user_information_to_llm_headers === true,
  };
  const { blockedUsers, ...others } = rules;
  const isSet = Object.values(others).some((rule) => (Array.isArray(rule) ? rule.length > 0 : Boolean(rule)));
  return isSet || blockedUsers.size > 0 ? rules : null;
}

function headersOfRole(mappings: Json | undefined, role: string): string[] {
  const items = Array.isArray(mappings) ? (mappings as readonly Json[]) : [mappings ?? null];
  return items.filter(isObject).flatMap((item) => {
    const name = lower(item.header_name);
    return name !== undefined && asString(item.litellm_user_role)?.toLowerCase() === role ? [name] : [];
  });
}

function lower(value: Json | undefined): string | undefined {
  const text = asString(value)?.trim().toLowerCase();
  return text === "" ? undefined : text;
}

function texts(value: Json | undefined): string[] {
  return asArray(value).filter((item): item is string => typeof item === "string" && item !== "");
}
