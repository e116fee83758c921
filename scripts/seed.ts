import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { sql } from "kysely";
import { openDatabase } from "../src/store/database.ts";
import { migrate } from "../src/store/migrate.ts";
import { type SeedPlan, seedStore } from "./seed/seed-store.ts";

const USAGE = `npm run seed -- [--data-dir DIR | --database-url postgres://…] [--keys 1000000] [--rows 10000000]
  [--active-keys 5000] [--users 10000] [--teams 1000] [--days 30]

Fills a database with keys, their users and teams, and rows of the ledger with all their sums, to see how the gateway
does with much. The database must be empty. Nothing of it opens the gateway: no text has a seeded key's hash.`;

const number = (text: string | undefined, fallback: number): number => {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(USAGE);
  process.exit(2);
};

const { values } = parseArgs({
  options: {
    "data-dir": { type: "string" },
    "database-url": { type: "string" },
    keys: { type: "string" },
    rows: { type: "string" },
    "active-keys": { type: "string" },
    users: { type: "string" },
    teams: { type: "string" },
    days: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help === true) {
  console.log(USAGE);
  process.exit(0);
}
const dataDir = resolve(values["data-dir"] ?? ".isthmus-seed");
if (values["database-url"] === undefined) mkdirSync(dataDir, { recursive: true });
const database =
  values["database-url"] === undefined
    ? openDatabase({ dataDir })
    : openDatabase({ url: values["database-url"], tuning: { poolSize: 1, statementTimeoutMs: 0 } });
await migrate(database);
if (database.dialect === "sqlite") await sql`PRAGMA cache_size = -512000`.execute(database.kysely);
const { found } = await database.kysely
  .selectFrom("virtual_key")
  .select(({ fn }) => fn.countAll<number>().as("found"))
  .executeTakeFirstOrThrow();
if (found > 0) {
  console.error(`${database.place} has ${found} keys already: a seed needs an empty database`);
  process.exit(1);
}
const keys = number(values.keys, 1_000_000);
const plan: SeedPlan = {
  keys,
  rows: number(values.rows, 10_000_000),
  activeKeys: Math.min(keys, number(values["active-keys"], 5_000)),
  users: number(values.users, Math.min(keys, 10_000)),
  teams: number(values.teams, Math.min(keys, 1_000)),
  organizations: 10,
  days: number(values.days, 30),
  until: Date.now(),
};
const start = performance.now();
let shown = "";
await seedStore(database, plan, (what, done, of) => {
  const line = `${what}: ${Math.floor((done / of) * 20) * 5} %`;
  if (line === shown) return;
  shown = line;
  console.log(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${line}`);
});
await database.close();
console.log(`${plan.keys} keys and ${plan.rows} rows are in ${database.place}`);
