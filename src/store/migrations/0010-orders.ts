import type { Migration } from "./migration.ts";

/** Whose spend is ranked: the ledger's dimension, the table of those who spend, and its key. */
const RANKED = [
  ["key", "virtual_key", "token"],
  ["user", "gateway_user", "user_id"],
  ["team", "team", "team_id"],
] as const;

const DIMENSIONS = RANKED.map(([dimension]) => `'${dimension}'`).join(", ");

const INDEXES = [
  "CREATE INDEX spend_rank_order ON spend_rank (dimension, spend_nano, entity)",
  "CREATE INDEX virtual_key_updated ON virtual_key (updated_at, token)",
  "CREATE INDEX virtual_key_max_budget ON virtual_key (max_budget_nano, token)",
  "CREATE INDEX virtual_key_expires ON virtual_key (expires, token)",
];

const FILL = `INSERT INTO spend_rank (dimension, entity, spend_nano)
SELECT dimension, entity, sum(nano) FROM (
  SELECT dimension, entity, cost_nano AS nano FROM rollup_total WHERE dimension IN (${DIMENSIONS})
  ${RANKED.map(
    ([dimension, table, key]) =>
      `UNION ALL SELECT '${dimension}', ${key}, spend_offset_nano FROM ${table} WHERE spend_offset_nano <> 0`,
  ).join("\n  ")}
) AS parts GROUP BY dimension, entity`;

const table = (integer: string) => `CREATE TABLE spend_rank (
  dimension TEXT NOT NULL,
  entity TEXT NOT NULL,
  spend_nano ${integer} NOT NULL,
  PRIMARY KEY (dimension, entity)
)`;

const add = (dimension: string, entity: string, nano: string) =>
  `INSERT INTO spend_rank (dimension, entity, spend_nano) VALUES (${dimension}, ${entity}, ${nano})
  ON CONFLICT (dimension, entity) DO UPDATE SET spend_nano = spend_rank.spend_nano + excluded.spend_nano`;

/** What a trigger does when a row of `rollup_total` or of a holder comes, changes or goes. */
interface Event {
  readonly name: string;
  readonly table: string;
  readonly on: string;
  readonly when: string;
  readonly statements: readonly string[];
}

const ofTotals: readonly Event[] = [
  {
    name: "added",
    table: "rollup_total",
    on: "INSERT",
    when: `NEW.dimension IN (${DIMENSIONS})`,
    statements: [add("NEW.dimension", "NEW.entity", "NEW.cost_nano")],
  },
  {
    name: "changed",
    table: "rollup_total",
    on: "UPDATE OF cost_nano",
    when: `NEW.cost_nano <> OLD.cost_nano AND NEW.dimension IN (${DIMENSIONS})`,
    statements: [add("NEW.dimension", "NEW.entity", "NEW.cost_nano - OLD.cost_nano")],
  },
  {
    name: "removed",
    table: "rollup_total",
    on: "DELETE",
    when: `OLD.dimension IN (${DIMENSIONS})`,
    statements: [add("OLD.dimension", "OLD.entity", "-OLD.cost_nano")],
  },
];

const ofHolders: readonly Event[] = RANKED.flatMap(([dimension, holders, key]) => {
  const plus = add(`'${dimension}'`, `NEW.${key}`, "NEW.spend_offset_nano");
  const minus = add(`'${dimension}'`, `OLD.${key}`, "-OLD.spend_offset_nano");
  return [
    { name: "added", table: holders, on: "INSERT", when: "NEW.spend_offset_nano <> 0", statements: [plus] },
    {
      name: "changed",
      table: holders,
      on: `UPDATE OF spend_offset_nano, ${key}`,
      when: `NEW.spend_offset_nano <> OLD.spend_offset_nano OR NEW.${key} <> OLD.${key}`,
      statements: [minus, plus],
    },
    { name: "removed", table: holders, on: "DELETE", when: "OLD.spend_offset_nano <> 0", statements: [minus] },
  ];
});

const EVENTS = [...ofTotals, ...ofHolders];

const sqliteTrigger = ({ name, table, on, when, statements }: Event) =>
  `CREATE TRIGGER spend_rank_${table}_${name} AFTER ${on} ON ${table} WHEN ${when} BEGIN ${statements.join("; ")}; END`;

const postgresTrigger = ({ name, table, on, when, statements }: Event): readonly string[] => [
  `CREATE FUNCTION spend_rank_${table}_${name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN ${statements.join("; ")}; RETURN NULL; END $$`,
  `CREATE TRIGGER spend_rank_${table}_${name} AFTER ${on} ON ${table} FOR EACH ROW WHEN (${when})
EXECUTE FUNCTION spend_rank_${table}_${name}()`,
];

/**
 * What keys, users and teams have spent, what was carried over or reset included, in the order of it; and the other
 * orders that lists of keys have. Triggers keep the ranks, so that they are true whichever release writes.
 */
export const orders: Migration = {
  name: "0010-orders",
  statements: {
    sqlite: [`${table("INTEGER")} STRICT, WITHOUT ROWID`, FILL, ...INDEXES, ...EVENTS.map(sqliteTrigger)],
    postgres: [table("BIGINT"), FILL, ...INDEXES, ...EVENTS.flatMap(postgresTrigger)],
  },
};
