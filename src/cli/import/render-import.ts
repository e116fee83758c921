import { MANY_ROWS } from "../../management/import-litellm/old-database.ts";
import type { ImportReport, KindReport, Remark } from "../../management/import-litellm/report.ts";
import { formatDollars } from "../../pricing/format-dollars.ts";

export interface ImportWords {
  readonly dryRun: boolean;
  /** Where everything went. */
  readonly place: string;
  /** Whether the configuration lets models of the database count. */
  readonly storesModels: boolean;
}

/** A report for a person: a line for each kind, and below it what needs a look. */
export function renderImport(report: ImportReport, { dryRun, place, storesModels }: ImportWords): string {
  const taken = report.kinds.reduce((sum, kind) => sum + kind.new, 0);
  const head = ["kind", dryRun ? "new" : "taken", "same", "differs", "skipped", "spend of the new"];
  const rows = report.kinds.filter(isThere).map((kind) => cells(kind));
  const lines = rows.length === 0 ? ["There is nothing to take."] : table([head, ...rows]);
  for (const kind of report.kinds) lines.push(...remarksOf(kind));
  if (report.leftOut.length > 0) {
    lines.push("", "Not taken:");
    for (const { table: name, rows: count, reason } of report.leftOut) {
      lines.push(`  ${name} (${count > MANY_ROWS ? `more than ${MANY_ROWS}` : count} rows): ${reason}`);
    }
  }
  lines.push("", dryRun ? `${taken} objects would be taken into ${place}; nothing was changed.` : done(taken, place));
  const configuring = report.kinds.some(({ kind, new: count, same }) => CONFIGURING.has(kind) && count + same > 0);
  if (configuring && !storesModels) {
    lines.push("Models and settings of the database count only with general_settings.store_model_in_db: true.");
  }
  return lines.join("\n");
}

const CONFIGURING = new Set(["models", "credentials", "settings"]);

function done(taken: number, place: string): string {
  return taken === 0 ? `Nothing was missing in ${place}.` : `${taken} objects were taken into ${place}.`;
}

function isThere(kind: KindReport): boolean {
  return kind.new + kind.same + kind.differs + kind.skipped > 0;
}

function cells(kind: KindReport): string[] {
  const counts = [kind.new, kind.same, kind.differs, kind.skipped].map(String);
  return [kind.kind, ...counts, kind.spendNano === 0n ? "" : `$${formatDollars(kind.spendNano)}`];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

function remarksOf({ kind, remarks, more }: KindReport): string[] {
  const list = (title: string, items: readonly Remark[]): string[] =>
    items.length === 0 ? [] : ["", title, ...items.map(({ name, text }) => `  ${name}: ${text}`)];
  return [
    ...list(`${kind} that are otherwise here, and stay so:`, remarks.differs),
    ...list(`${kind} that are left:`, remarks.skipped),
    ...list(`${kind} that are not quite the same:`, remarks.notes),
    ...(more === 0 ? [] : [`  and ${more} more`]),
  ];
}
