import type { Migration } from "./migration.ts";

const LIMITS = `
  max_budget_nano BIGINT,
  soft_budget_nano BIGINT,
  budget_duration TEXT,
  budget_reset_at BIGINT,
  max_parallel_requests BIGINT,
  tpm_limit BIGINT,
  rpm_limit BIGINT,
  tpd_limit BIGINT`;

const STAMPS = `
  created_at BIGINT NOT NULL,
  created_by TEXT,
  updated_at BIGINT NOT NULL,
  updated_by TEXT`;

/** Who may call, within which limits, and what is configured in the database instead of the file. */
const TABLES: readonly string[] = [
  `CREATE TABLE budget (
  budget_id TEXT PRIMARY KEY,${LIMITS},
  model_max_budget TEXT NOT NULL,
  allowed_models TEXT NOT NULL,
  temp_budget_increase_nano BIGINT,
  temp_budget_expiry BIGINT,${STAMPS}
)`,
  `CREATE TABLE virtual_key (
  token TEXT PRIMARY KEY,
  key_name TEXT NOT NULL,
  key_alias TEXT,
  user_id TEXT,
  team_id TEXT,
  organization_id TEXT,
  project_id TEXT,
  agent_id TEXT,
  budget_id TEXT,
  expires BIGINT,
  models TEXT NOT NULL,${LIMITS},
  spend_offset_nano BIGINT NOT NULL,
  previous_tokens TEXT NOT NULL,
  blocked BIGINT,
  allowed_routes TEXT NOT NULL,
  metadata TEXT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE deprecated_key (
  token TEXT PRIMARY KEY,
  active_token TEXT NOT NULL,
  revoke_at BIGINT NOT NULL
)`,
  `CREATE TABLE gateway_user (
  user_id TEXT PRIMARY KEY,
  user_email TEXT,
  user_alias TEXT,
  user_role TEXT,
  sso_user_id TEXT,
  password TEXT,
  models TEXT NOT NULL,${LIMITS},
  spend_offset_nano BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE team (
  team_id TEXT PRIMARY KEY,
  team_alias TEXT,
  organization_id TEXT,
  models TEXT NOT NULL,${LIMITS},
  spend_offset_nano BIGINT NOT NULL,
  blocked BIGINT NOT NULL,
  member_permissions TEXT NOT NULL,
  member_budget_id TEXT,
  metadata TEXT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE team_member (
  team_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  budget_id TEXT,
  spend_offset_nano BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, user_id)
)`,
  `CREATE TABLE organization (
  organization_id TEXT PRIMARY KEY,
  organization_alias TEXT NOT NULL,
  budget_id TEXT,
  models TEXT NOT NULL,
  spend_offset_nano BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE organization_member (
  organization_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  user_role TEXT,
  budget_id TEXT,
  spend_offset_nano BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, user_id)
)`,
  `CREATE TABLE project (
  project_id TEXT PRIMARY KEY,
  project_alias TEXT,
  description TEXT,
  team_id TEXT,
  budget_id TEXT,
  models TEXT NOT NULL,
  blocked BIGINT NOT NULL,
  spend_offset_nano BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE customer (
  user_id TEXT PRIMARY KEY,
  alias TEXT,
  blocked BIGINT NOT NULL,
  allowed_model_region TEXT,
  default_model TEXT,
  budget_id TEXT,
  models TEXT NOT NULL,
  spend_offset_nano BIGINT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE tag (
  tag_name TEXT PRIMARY KEY,
  description TEXT,
  models TEXT NOT NULL,
  model_info TEXT,
  budget_id TEXT,
  spend_offset_nano BIGINT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE access_group (
  access_group_id TEXT PRIMARY KEY,
  access_group_name TEXT NOT NULL,
  description TEXT,
  model_names TEXT NOT NULL,
  settings TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE model_access_group_budget (
  access_group_name TEXT PRIMARY KEY,
  budget_id TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE stored_model (
  model_id TEXT PRIMARY KEY,
  model_name TEXT NOT NULL,
  team_id TEXT,
  litellm_params TEXT NOT NULL,
  model_info TEXT NOT NULL,
  blocked BIGINT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE credential (
  credential_name TEXT PRIMARY KEY,
  display_name TEXT,
  credential_values TEXT NOT NULL,
  credential_info TEXT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE invitation (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  is_accepted BIGINT NOT NULL,
  accepted_at BIGINT,
  expires_at BIGINT NOT NULL,${STAMPS}
)`,
  `CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT
)`,
  `CREATE TABLE archived_object (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  deleted_at BIGINT NOT NULL,
  deleted_by TEXT,
  data TEXT NOT NULL,
  PRIMARY KEY (kind, id, deleted_at)
)`,
  `CREATE TABLE data_key (
  id TEXT PRIMARY KEY,
  wrapped TEXT NOT NULL,
  active BIGINT NOT NULL,
  created_at BIGINT NOT NULL
)`,
  `CREATE TABLE audit_log (
  seq SERIAL_KEY,
  id TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  changed_by_api_key TEXT NOT NULL,
  action TEXT NOT NULL,
  table_name TEXT NOT NULL,
  object_id TEXT NOT NULL,
  before_value TEXT,
  updated_values TEXT
)`,
];

const INDEXES: readonly string[] = [
  "CREATE UNIQUE INDEX virtual_key_alias ON virtual_key (key_alias)",
  "CREATE INDEX virtual_key_created ON virtual_key (created_at, token)",
  "CREATE INDEX virtual_key_user ON virtual_key (user_id, created_at)",
  "CREATE INDEX virtual_key_team ON virtual_key (team_id, created_at)",
  "CREATE INDEX virtual_key_organization ON virtual_key (organization_id, created_at)",
  "CREATE INDEX virtual_key_project ON virtual_key (project_id)",
  "CREATE INDEX virtual_key_budget ON virtual_key (budget_id)",
  "CREATE INDEX virtual_key_reset ON virtual_key (budget_reset_at)",
  "CREATE INDEX deprecated_key_active ON deprecated_key (active_token)",
  "CREATE UNIQUE INDEX gateway_user_email ON gateway_user (lower(user_email))",
  "CREATE UNIQUE INDEX gateway_user_sso ON gateway_user (sso_user_id)",
  "CREATE INDEX gateway_user_created ON gateway_user (created_at, user_id)",
  "CREATE INDEX gateway_user_reset ON gateway_user (budget_reset_at)",
  "CREATE INDEX team_created ON team (created_at, team_id)",
  "CREATE INDEX team_organization ON team (organization_id)",
  "CREATE INDEX team_reset ON team (budget_reset_at)",
  "CREATE INDEX team_member_user ON team_member (user_id)",
  "CREATE INDEX organization_member_user ON organization_member (user_id)",
  "CREATE INDEX project_team ON project (team_id)",
  "CREATE INDEX customer_budget ON customer (budget_id)",
  "CREATE INDEX budget_reset ON budget (budget_reset_at)",
  "CREATE UNIQUE INDEX access_group_name ON access_group (access_group_name)",
  "CREATE INDEX stored_model_name ON stored_model (model_name)",
  "CREATE INDEX archived_object_time ON archived_object (kind, deleted_at)",
  "CREATE INDEX audit_log_time ON audit_log (updated_at)",
  "CREATE INDEX audit_log_object ON audit_log (table_name, object_id)",
];

const sqlite = (statement: string) =>
  statement.replace("SERIAL_KEY", "INTEGER PRIMARY KEY AUTOINCREMENT").replaceAll("BIGINT", "INTEGER");

const postgres = (statement: string) =>
  statement.replace("SERIAL_KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY");

const statements = {
  sqlite: [...TABLES.map((table) => `${sqlite(table)} STRICT`), ...INDEXES],
  postgres: [...TABLES.map(postgres), ...INDEXES],
};

export const objects: Migration = { name: "0003-objects", statements };
