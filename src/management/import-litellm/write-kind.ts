import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type Kysely, sql } from "kysely";
import { isObject, parseJson } from "../../json/json.ts";
import type { Connection, SqlValue } from "../../store/objects/object-table.ts";
import { TABLES } from "../change.ts";
import { maskSecrets } from "../mask-secrets.ts";
import type { ImportContext, Kind, NewRow, Taken, UniqueColumn } from "./kind.ts";
import { type KindReport, KindTally } from "./report.ts";

/** Who changes, in the audit log. */
const ACTOR = "isthmus import litellm";

/** Rows of one INSERT: PostgreSQL takes 65,535 parameters, SQLite 32,766. */
const ROWS = 200;

/** Values per `IN (…)`. */
const CHUNK = 500;

/** Columns that say when a row was written, and those that go on changing while the gateway serves. */
const UNCOMPARED: ReadonlySet<string> = new Set([
  ...["created_at", "created_by", "updated_at", "updated_by", "spend_offset_nano", "budget_reset_at"],
]);

type Loose = Kysely<{ object: Record<string, SqlValue> }>;

export interface KindRun {
  readonly connection: Connection;
  readonly context: ImportContext;
  /** False to find out only. */
  readonly write: boolean;
  /** Objects whose secrets do not open are left, instead of ending the import. */
  readonly skipUnreadable: boolean;
  /** Takes the names of secrets that do not open. */
  readonly unreadable: string[];
}

/** Takes what of one kind is not here yet. What is here stays as it is. */
export async function importKind(kind: Kind, run: KindRun): Promise<KindReport> {
  const tally = new KindTally(kind.name);
  /** What this import took of columns that must be unique, as far as the database does not have it yet. */
  const claimed = new Map<string, string>();
  for await (const page of run.context.old.pages(kind.from.table, kind.from.order)) {
    const taken = (await kind.take(page, run.context)).filter((one) => isTaken(kind, one, tally, run));
    const present = await presentRows(kind, run.connection, taken);
    const fresh: Taken[] = [];
    for (const one of await withoutDoubles(kind, taken, claimed, tally, run)) {
      const before = present.get(keyOf(kind, one.row as NewRow));
      if (before === undefined) fresh.push(one);
      else compare(kind, one, before, tally, run);
    }
    for (const { name, row, notes = [] } of fresh) {
      tally.count("new");
      tally.spent(BigInt(row?.spend_offset_nano ?? 0n));
      for (const note of notes) tally.note(name, note);
    }
    if (!run.write) continue;
    await insert(
      run.connection,
      kind.to,
      fresh.map(({ row }) => row as NewRow),
    );
    await audit(kind, run, fresh);
    claimed.clear();
  }
  return tally.report();
}

function isTaken(kind: Kind, taken: Taken, tally: KindTally, run: KindRun): boolean {
  const { name, closed = [], skipped } = taken;
  if (skipped !== undefined) {
    tally.leave("skipped", name, skipped);
    return false;
  }
  if (closed.length === 0) return taken.row !== undefined;
  run.unreadable.push(`${kind.name}: ${name}: ${closed.join(", ")}`);
  if (run.skipUnreadable) tally.leave("skipped", name, `the salt key does not open ${closed.join(", ")}`);
  return false;
}

function keyOf(kind: Kind, row: NewRow): string {
  return kind.key.map((column) => row[column]).join("\n");
}

async function presentRows(
  kind: Kind,
  connection: Connection,
  taken: readonly Taken[],
): Promise<ReadonlyMap<string, NewRow>> {
  const [first = ""] = kind.key;
  const values = [...new Set(taken.map(({ row }) => String(row?.[first])))];
  const rows = await rowsWith(kind, connection, sql.ref(first), values);
  return new Map(rows.map((row) => [keyOf(kind, row), row]));
}

async function rowsWith(
  kind: Kind,
  connection: Connection,
  expression: ReturnType<typeof sql>,
  values: readonly string[],
): Promise<NewRow[]> {
  const found: NewRow[] = [];
  for (let at = 0; at < values.length; at += CHUNK) {
    const { rows } = await sql<NewRow>`SELECT * FROM ${sql.table(kind.to)}
      WHERE ${expression} IN (${sql.join(values.slice(at, at + CHUNK))})`.execute(connection);
    found.push(...rows);
  }
  return found;
}

/** The rows without values that another row has already. */
async function withoutDoubles(
  kind: Kind,
  taken: readonly Taken[],
  claimed: Map<string, string>,
  tally: KindTally,
  { connection }: KindRun,
): Promise<readonly Taken[]> {
  let rows = taken;
  for (const unique of kind.unique ?? []) {
    const { column } = unique;
    const held = await holders(kind, connection, unique, rows);
    rows = rows.flatMap((one): Taken[] => {
      const row = one.row as NewRow;
      const value = uniqueValue(row, unique);
      if (value === undefined) return [one];
      const own = keyOf(kind, row);
      const claim = `${column}\n${value}`;
      const holder = held.get(value) ?? claimed.get(claim);
      claimed.set(claim, holder ?? own);
      if (holder === undefined || holder === own) return [one];
      if (unique.required === true) {
        tally.leave("skipped", one.name, `another has its ${column}`);
        return [];
      }
      const note = `without its ${column} ${String(row[column])}, which another has`;
      return [{ ...one, row: { ...row, [column]: null }, notes: [...(one.notes ?? []), note] }];
    });
  }
  return rows;
}

/** Value → who has it here. */
async function holders(
  kind: Kind,
  connection: Connection,
  unique: UniqueColumn,
  taken: readonly Taken[],
): Promise<ReadonlyMap<string, string>> {
  const values = taken.flatMap(({ row }) => uniqueValue(row as NewRow, unique) ?? []);
  const column = sql.ref(unique.column);
  const expression = unique.folded === true ? sql`lower(${column})` : column;
  const rows = await rowsWith(kind, connection, expression, [...new Set(values)]);
  return new Map(rows.map((row) => [uniqueValue(row, unique) ?? "", keyOf(kind, row)]));
}

function uniqueValue(row: NewRow, { column, folded }: UniqueColumn): string | undefined {
  const value = row[column];
  if (value === null || value === undefined) return undefined;
  return folded === true ? String(value).toLowerCase() : String(value);
}

function compare(kind: Kind, { name, row }: Taken, before: NewRow, tally: KindTally, { context }: KindRun): void {
  const open = (one: NewRow): NewRow => kind.comparable?.(one, context) ?? one;
  const here = open(before);
  const there = open(row as NewRow);
  const skipped = new Set(kind.uncompared ?? []);
  const columns = Object.keys(there).filter((column) => !UNCOMPARED.has(column) && !skipped.has(column));
  const different = columns.flatMap((column) => differences(column, here[column] ?? null, there[column] ?? null));
  if (different.length === 0) tally.count("same");
  else tally.leave("differs", name, different.join(", "));
}

/** The names in which two values of a column differ: of `settings` those of the fields in it. */
function differences(column: string, here: SqlValue, there: SqlValue): readonly string[] {
  if (String(here) === String(there)) return [];
  const [a, b] = [structure(here), structure(there)];
  if (a === undefined || b === undefined) return [column.replace(/_nano$/, "")];
  if (column !== "settings" || !isObject(a) || !isObject(b)) return isDeepStrictEqual(a, b) ? [] : [column];
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].filter((name) => !isDeepStrictEqual(a[name], b[name]));
}

function structure(value: SqlValue): object | undefined {
  const parsed = typeof value === "string" && /^[[{]/.test(value) ? parseJson(value) : undefined;
  return typeof parsed === "object" && parsed !== null ? parsed : undefined;
}

async function insert(connection: Connection, table: string, rows: readonly NewRow[]): Promise<void> {
  const loose = connection as unknown as Loose;
  for (let at = 0; at < rows.length; at += ROWS) {
    await loose
      .insertInto(table as "object")
      .values(rows.slice(at, at + ROWS))
      .execute();
  }
}

/** The log also tells other processes, which keep copies, of the change. */
async function audit({ audited, key }: Kind, { connection, context }: KindRun, fresh: readonly Taken[]): Promise<void> {
  if (audited === undefined) return;
  const lines = fresh.map(({ row }) => ({
    id: randomUUID(),
    updated_at: context.now,
    changed_by: ACTOR,
    changed_by_api_key: "",
    action: "created",
    table_name: TABLES[audited.kind],
    object_id: key.map((column) => row?.[column]).join(":"),
    before_value: null,
    updated_values: JSON.stringify(maskSecrets(audited.show(row as NewRow))),
  }));
  await insert(connection, "audit_log", lines);
}
