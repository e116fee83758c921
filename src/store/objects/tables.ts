/**
 * The tables of everything that is managed through the API, as queries see them. Units are those of the schema: columns
 * in `_nano` are nano-dollars (bigint), times are milliseconds since the epoch, booleans are 0 or 1. Columns said to be
 * JSON hold JSON text; `settings` holds, by its name on the wire, every field that no query searches for.
 */
import type { Generated } from "kysely";

/** What a holder of a budget may use. Null is no limit; 0 is no allowance. */
export interface LimitColumns {
  max_budget_nano: bigint | null;
  soft_budget_nano: bigint | null;
  budget_duration: string | null;
  budget_reset_at: number | null;
  max_parallel_requests: number | null;
  tpm_limit: number | null;
  rpm_limit: number | null;
  tpd_limit: number | null;
}

export interface StampColumns {
  created_at: number;
  created_by: string | null;
  updated_at: number;
  updated_by: string | null;
}

export interface BudgetTable extends LimitColumns, StampColumns {
  budget_id: string;
  /** JSON: model → {max_budget, budget_duration}. */
  model_max_budget: string;
  /** JSON: a list of names. */
  allowed_models: string;
  temp_budget_increase_nano: bigint | null;
  temp_budget_expiry: number | null;
}

export interface VirtualKeyTable extends LimitColumns, StampColumns {
  /** SHA-256 of the key, hexadecimal; the key itself is never stored. */
  token: string;
  key_name: string;
  key_alias: string | null;
  user_id: string | null;
  team_id: string | null;
  organization_id: string | null;
  project_id: string | null;
  agent_id: string | null;
  budget_id: string | null;
  expires: number | null;
  /** JSON: a list of names; empty is no restriction. */
  models: string;
  /** Added to what the ledger says of the key: what was carried over, less what a reset took away. */
  spend_offset_nano: bigint;
  /** JSON: the tokens that the key had before it was regenerated; their spend is the key's. */
  previous_tokens: string;
  blocked: number | null;
  /** JSON: a list; empty is no restriction. */
  allowed_routes: string;
  /** JSON object. */
  metadata: string;
  /** JSON object. */
  settings: string;
}

/** A token that was replaced and is good until `revoke_at`. */
export interface DeprecatedKeyTable {
  token: string;
  active_token: string;
  revoke_at: number;
}

export interface GatewayUserTable extends LimitColumns, StampColumns {
  user_id: string;
  user_email: string | null;
  user_alias: string | null;
  user_role: string | null;
  sso_user_id: string | null;
  /** `scrypt:` and base64 of salt and key. */
  password: string | null;
  models: string;
  spend_offset_nano: bigint;
  metadata: string;
  settings: string;
}

export interface TeamTable extends LimitColumns, StampColumns {
  team_id: string;
  team_alias: string | null;
  organization_id: string | null;
  models: string;
  spend_offset_nano: bigint;
  blocked: number;
  /** JSON: the key routes that members may call. */
  member_permissions: string;
  /** The budget of members that have none of their own. */
  member_budget_id: string | null;
  metadata: string;
  settings: string;
}

export interface TeamMemberTable {
  team_id: string;
  user_id: string;
  /** `admin` or `user`. */
  role: string;
  budget_id: string | null;
  spend_offset_nano: bigint;
  created_at: number;
}

export interface OrganizationTable extends StampColumns {
  organization_id: string;
  organization_alias: string;
  budget_id: string | null;
  models: string;
  spend_offset_nano: bigint;
  metadata: string;
  settings: string;
}

export interface OrganizationMemberTable {
  organization_id: string;
  user_id: string;
  user_role: string | null;
  budget_id: string | null;
  spend_offset_nano: bigint;
  created_at: number;
  updated_at: number;
}

export interface ProjectTable extends StampColumns {
  project_id: string;
  project_alias: string | null;
  description: string | null;
  team_id: string | null;
  budget_id: string | null;
  models: string;
  blocked: number;
  spend_offset_nano: bigint;
  metadata: string;
  settings: string;
}

export interface CustomerTable extends StampColumns {
  user_id: string;
  alias: string | null;
  blocked: number;
  allowed_model_region: string | null;
  default_model: string | null;
  budget_id: string | null;
  models: string;
  spend_offset_nano: bigint;
  settings: string;
}

export interface TagTable extends StampColumns {
  tag_name: string;
  description: string | null;
  models: string;
  /** JSON object, or null. */
  model_info: string | null;
  budget_id: string | null;
  spend_offset_nano: bigint;
}

export interface AccessGroupTable extends StampColumns {
  access_group_id: string;
  access_group_name: string;
  description: string | null;
  /** JSON: a list of names. */
  model_names: string;
  settings: string;
}

export interface ModelAccessGroupBudgetTable extends StampColumns {
  access_group_name: string;
  budget_id: string;
}

export interface StoredModelTable extends StampColumns {
  model_id: string;
  model_name: string;
  team_id: string | null;
  /** JSON object whose strings are encrypted. */
  litellm_params: string;
  /** JSON object. */
  model_info: string;
  blocked: number;
}

export interface CredentialTable extends StampColumns {
  credential_name: string;
  display_name: string | null;
  /** JSON object whose strings are encrypted. */
  credential_values: string;
  /** JSON object. */
  credential_info: string;
}

export interface InvitationTable extends StampColumns {
  id: string;
  user_id: string;
  is_accepted: number;
  accepted_at: number | null;
  expires_at: number;
}

export interface SettingTable {
  name: string;
  /** JSON. */
  value: string;
  updated_at: number;
  updated_by: string | null;
}

/** Rows of keys and teams as they were when they were deleted. */
export interface ArchivedObjectTable {
  kind: string;
  id: string;
  deleted_at: number;
  deleted_by: string | null;
  /** JSON: the row as the API showed it. */
  data: string;
}

/** A key that encrypts secrets, itself encrypted with the salt key. */
export interface DataKeyTable {
  id: string;
  wrapped: string;
  active: number;
  created_at: number;
}

export interface AuditLogTable {
  /** Grows with every change: other processes learn of changes by it. */
  seq: Generated<number>;
  id: string;
  updated_at: number;
  changed_by: string;
  changed_by_api_key: string;
  /** `created`, `updated`, `deleted`, `blocked`, `unblocked` or `rotated`. */
  action: string;
  table_name: string;
  object_id: string;
  /** JSON, secrets masked; null where there was nothing. */
  before_value: string | null;
  updated_values: string | null;
}

export interface ObjectTables {
  budget: BudgetTable;
  virtual_key: VirtualKeyTable;
  deprecated_key: DeprecatedKeyTable;
  gateway_user: GatewayUserTable;
  team: TeamTable;
  team_member: TeamMemberTable;
  organization: OrganizationTable;
  organization_member: OrganizationMemberTable;
  project: ProjectTable;
  customer: CustomerTable;
  tag: TagTable;
  access_group: AccessGroupTable;
  model_access_group_budget: ModelAccessGroupBudgetTable;
  stored_model: StoredModelTable;
  credential: CredentialTable;
  invitation: InvitationTable;
  setting: SettingTable;
  archived_object: ArchivedObjectTable;
  data_key: DataKeyTable;
  audit_log: AuditLogTable;
}
