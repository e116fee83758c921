import { type Kysely, sql } from "kysely";
import { addPartition, dayOf } from "../../src/ledger/postgres/partitions.ts";
import { additions, DAY_MS, sumsOfRows } from "../../src/ledger/rollup-statements.ts";
import type { Database } from "../../src/store/database.ts";

/** What a seed makes. Objects are numbered from 0, so that every run makes the same. */
export interface SeedPlan {
  readonly keys: number;
  readonly rows: number;
  /** Keys that spend; the first ones far more than the last. */
  readonly activeKeys: number;
  readonly users: number;
  readonly teams: number;
  readonly organizations: number;
  /** The rows lie in so many days before `until`. */
  readonly days: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Objects or rows per transaction: memory and locks stay small, however much is made. */
const CHUNK = 100_000;

type Step = (what: string, done: number, of: number) => void;

/** Fills a database whose schema is up to date. Everything is made by the database itself; `step` hears of progress. */
export async function seedStore(database: Database, plan: SeedPlan, step: Step): Promise<void> {
  const { dialect, kysely } = database;
  const text = new SeedText(dialect, plan);
  for (const [what, count, statement] of [
    ["organizations", plan.organizations, text.organizations()],
    ["teams", plan.teams, text.teams()],
    ["users", plan.users, text.users()],
    ["team members", plan.users, text.members()],
    ["keys", plan.keys, text.keys()],
  ] as const) {
    for (let from = 0; from < count; from += CHUNK) {
      const to = Math.min(from + CHUNK, count);
      await run(kysely, [text.numbered(statement, from, to)]);
      step(what, to, count);
    }
  }
  if (dialect === "postgres") await addDays(kysely, plan);
  for (let from = 0; from < plan.rows; from += CHUNK) {
    const to = Math.min(from + CHUNK, plan.rows);
    await run(kysely, [text.numbered(text.rows(), from, to), ...rollup(dialect)]);
    step("spend rows", to, plan.rows);
  }
  await sql`ANALYZE`.execute(kysely);
}

/** The token of a key of the seed; it opens nothing, because no text has this hash. */
export function seedToken(index: number): string {
  const front = Number((BigInt(index) * 2_654_435_761n) % 4_294_967_296n);
  return front.toString(16).padStart(8, "0") + index.toString(16).padStart(56, "0");
}

async function run(kysely: Kysely<never> | Database["kysely"], statements: readonly string[]): Promise<void> {
  await (kysely as Database["kysely"]).transaction().execute(async (transaction) => {
    for (const statement of statements) await sql.raw(statement).execute(transaction);
  });
}

/** What the ledger does with the rows behind its watermark, in one go. */
function rollup(dialect: Database["dialect"]): readonly string[] {
  const behind = "spend WHERE seq > (SELECT seq FROM watermark WHERE consumer = 'rollup')";
  return [
    `CREATE TEMP TABLE seed_delta AS ${sumsOfRows(behind, 1)}`,
    ...additions(dialect, "seed_delta"),
    "UPDATE watermark SET seq = (SELECT max(seq) FROM spend) WHERE consumer = 'rollup'",
    "DROP TABLE seed_delta",
  ];
}

async function addDays(kysely: Database["kysely"], plan: SeedPlan): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    SELECT c.relname AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'spend'::regclass`.execute(kysely);
  const known = new Set(rows.map(({ name }) => name));
  for (let day = dayOf(plan.until - plan.days * DAY_MS); day <= plan.until; day += DAY_MS) {
    const [create = "", attach = ""] = addPartition(day);
    if (known.has(/spend_\d+/.exec(create)?.[0] ?? "")) continue;
    await run(kysely, [create, attach]);
  }
}

/** The statements, in the words of either database. `n` is the number of an object or row. */
class SeedText {
  readonly #dialect: Database["dialect"];
  readonly #plan: SeedPlan;

  constructor(dialect: Database["dialect"], plan: SeedPlan) {
    this.#dialect = dialect;
    this.#plan = plan;
  }

  /** A statement for the numbers from `from` to below `to`. */
  numbered(statement: string, from: number, to: number): string {
    const numbers =
      this.#dialect === "postgres"
        ? `SELECT generate_series(${from}::bigint, ${to - 1}::bigint) AS n`
        : `WITH RECURSIVE counted (n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM counted WHERE n < ${to - 1}) SELECT n FROM counted`;
    return statement.replace("NUMBERS", `(${numbers}) AS numbers`);
  }

  organizations(): string {
    return `INSERT INTO organization (organization_id, organization_alias, models, spend_offset_nano, metadata, settings,
        created_at, updated_at)
      SELECT 'org-' || n, 'Organization ' || n, '[]', 0, '{}', '{}', ${this.#plan.until}, ${this.#plan.until} FROM NUMBERS`;
  }

  teams(): string {
    const { organizations, until } = this.#plan;
    return `INSERT INTO team (team_id, team_alias, organization_id, models, spend_offset_nano, blocked,
        member_permissions, metadata, settings, created_at, updated_at)
      SELECT 'team-' || n, 'Team ' || n, 'org-' || (n % ${organizations}), '[]', 0, 0, '[]', '{}', '{}',
        ${until} - n, ${until} FROM NUMBERS`;
  }

  users(): string {
    const { until } = this.#plan;
    return `INSERT INTO gateway_user (user_id, user_email, user_role, models, spend_offset_nano, metadata, settings,
        created_at, updated_at)
      SELECT 'user-' || n, 'user-' || n || '@example.com', 'internal_user', '[]', 0, '{}', '{}', ${until} - n, ${until}
      FROM NUMBERS`;
  }

  members(): string {
    const { teams, until } = this.#plan;
    return `INSERT INTO team_member (team_id, user_id, role, spend_offset_nano, created_at)
      SELECT 'team-' || (n % ${teams}), 'user-' || n, 'user', 0, ${until} FROM NUMBERS`;
  }

  keys(): string {
    const { users, teams, organizations, until } = this.#plan;
    return `INSERT INTO virtual_key (token, key_name, key_alias, user_id, team_id, organization_id, models,
        max_budget_nano, spend_offset_nano, previous_tokens, allowed_routes, metadata, settings, created_at, updated_at)
      SELECT ${this.#token("n")}, 'sk-...seed', 'seed-' || n, 'user-' || (n % ${users}), 'team-' || (n % ${teams}),
        'org-' || (n % ${teams} % ${organizations}), '[]', 1000000000000, 0, '[]', '[]', '{}', '{}',
        ${until} - n * 1000, ${until} FROM NUMBERS`;
  }

  /** Rows in the order of their time. Of the keys that spend the first eighth makes half of the rows. */
  rows(): string {
    const { rows, activeKeys, users, teams, organizations, days, until } = this.#plan;
    const chance = "((n * 2654435761) % 1000003)";
    const key = this.#whole(
      `${activeKeys} * (${chance} / 1000003.0) * (${chance} / 1000003.0) * (${chance} / 1000003.0)`,
    );
    const span = days * DAY_MS;
    return `INSERT INTO spend (id, status, started_at, ended_at, call_type, model_group, model, provider, deployment_id,
        api_base, key_hash, key_alias, user_id, team_id, organization_id, end_user, session_id, stream, http_status,
        price, estimated, cost_nano, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens,
        cache_write_tokens, tags, buckets, attempts)
      SELECT 'seed-' || ${until} || '-' || n, CASE WHEN n % 50 = 0 THEN 'failure' ELSE 'success' END, at, at + 900,
        'acompletion', 'model-' || (k % 8), 'provider/model-' || (k % 8), 'provider-' || (k % 4), 'deployment-' || (k % 8),
        'https://provider.example/v1', ${this.#token("k")}, 'seed-' || k, 'user-' || (k % ${users}),
        'team-' || (k % ${teams}), 'org-' || (k % ${teams} % ${organizations}),
        CASE WHEN n % 10 = 0 THEN 'customer-' || (n / 10 % 500) END, CASE WHEN n % 4 = 0 THEN 'session-' || (n / 40) END,
        n % 2, CASE WHEN n % 50 = 0 THEN 500 ELSE 200 END, 'known', 0, 1000 + n % 100000, 500 + n % 1000, 100 + n % 300,
        600 + n % 1000 + n % 300, 0, 0, CASE WHEN n % 10 = 1 THEN '["tag-' || (n / 10 % 50) || '"]' END,
        '{"input":500,"output":100}', '[]'
      FROM (SELECT n, ${this.#whole(`${until - span} + n * (${span} * 1.0 / ${rows})`)} AS at, ${key} AS k FROM NUMBERS) AS seeds`;
  }

  /** `seedToken` of an expression. */
  #token(n: string): string {
    const front = `((${n}) * 2654435761) % 4294967296`;
    return this.#dialect === "postgres"
      ? `lpad(to_hex(${front}), 8, '0') || lpad(to_hex(${n}), 56, '0')`
      : `printf('%08x%056x', ${front}, ${n})`;
  }

  #whole(expression: string): string {
    return this.#dialect === "postgres" ? `floor(${expression})::bigint` : `CAST(${expression} AS INTEGER)`;
  }
}
