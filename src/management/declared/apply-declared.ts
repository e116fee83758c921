import { sql } from "kysely";
import type { Principal } from "../../auth/principal.ts";
import { ConfigError, refusal } from "../../config/diagnostics.ts";
import { DetailError } from "../../errors/detail-error.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, asObject, asString, isObject, type Json } from "../../json/json.ts";
import type { DeclaredKind, DeclaredObject, Diagnostic, Snapshot } from "../../snapshot/snapshot.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import { type Connection, isPostgres } from "../../store/objects/object-table.ts";
import { readSetting, writeSetting } from "../../store/objects/settings.ts";
import { budgetBody } from "../budgets/budget-shape.ts";
import { type Actor, change } from "../change.ts";
import { generateBody, showKeys } from "../keys/key-shape.ts";
import { type Management, resetClockOf } from "../management.ts";
import { parseInput } from "../parse-input.ts";
import { newTeamBody } from "../teams/team-shape.ts";
import { declaredName } from "./declared-objects.ts";
import { releaseKeys, releaseOthers } from "./release-declared.ts";
import { type Applying, type Written, writeDeclared } from "./write-declared.ts";

/** Who the audit log says it was. */
const ACTOR: Principal = { keyHash: "configuration_file", role: "proxy_admin" };
/** The setting that keeps what the configuration declared when it was last applied. */
const MARKER = "declared_objects";
/** Number of the advisory lock of PostgreSQL: "declare" in ASCII. */
const LOCK = 0x6465636c617265n;

const SCHEMAS = { key: generateBody, team: newTeamBody, budget: budgetBody } as const;

/**
 * Makes the database hold what the configuration declares, in one transaction: what it declares is made, or becomes what
 * it says; keys that it declared before and no longer does are deleted, teams and budgets too unless somebody has them.
 * Throws ConfigError, with nothing changed, for what does not fit to what the database has.
 */
export async function applyDeclaredObjects(management: Management, next: Snapshot): Promise<void> {
  const wanted = next.declaredObjects;
  const { kysely } = management.database;
  if (wanted.size === 0 && markedIn(await readSetting(kysely, MARKER)).size === 0) return;
  checkFields(wanted);
  const gone = await goneKeys(management, wanted);
  const actor: Actor = { management, principal: ACTOR, headers: new Headers() };
  const told = await change(actor, async (transaction) => {
    const { connection, now, by } = transaction;
    // Of several processes that start at once, one after the other.
    if (isPostgres(connection)) await sql`SELECT pg_advisory_xact_lock(${LOCK})`.execute(connection);
    const marked = markedIn(await readSetting(connection, MARKER));
    const applying: Applying = { ...transaction, clock: resetClockOf(next) };
    await releaseKeys(applying, gone.rows, gone.shown);
    await takeAliases(connection, wanted);
    const written = await writeAll(applying, wanted);
    const dropped = [...marked].filter((name) => !wanted.has(name));
    const kept = await releaseOthers(applying, dropped);
    const value = [...wanted.keys()].sort();
    if (dropped.length > 0 || value.some((name) => !marked.has(name))) {
      await writeSetting(connection, { name: MARKER, value, at: now, by });
    }
    const adopted = [...written].filter(([name, result]) => result !== "created" && !marked.has(name));
    return { adopted: adopted.map(([name]) => wanted.get(name) as DeclaredObject), kept };
  });
  for (const object of told.adopted) {
    management.log.warning("what the API made belongs to the configuration file from now on", {
      [object.kind]: declaredName(object),
      file: `${object.source.file}:${object.source.line}`,
    });
  }
  for (const { name, holders } of told.kept) {
    management.log.warning("no file declares it any more; it stays, since somebody has it", { name, holders });
  }
}

/** What the management API refuses of a request is refused of a file. */
function checkFields(wanted: Snapshot["declaredObjects"]): void {
  const problems: Diagnostic[] = [];
  for (const object of wanted.values()) {
    try {
      parseInput(SCHEMAS[object.kind], object.fields, "body");
    } catch (error) {
      problems.push(problemOf(object, error));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

async function writeAll(applying: Applying, wanted: Snapshot["declaredObjects"]): Promise<Map<string, Written>> {
  const written = new Map<string, Written>();
  const problems: Diagnostic[] = [];
  for (const [name, object] of wanted) {
    try {
      written.set(name, await writeDeclared(applying, object));
    } catch (error) {
      problems.push(problemOf(object, error));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return written;
}

/**
 * An alias names one key. Declared keys give theirs back before any is written, since they may have been exchanged; that
 * of a key that the API made is refused.
 */
async function takeAliases(connection: Connection, wanted: Snapshot["declaredObjects"]): Promise<void> {
  const byAlias = new Map<string, DeclaredObject>();
  for (const object of wanted.values()) {
    const alias = object.kind === "key" ? asString(object.fields.key_alias) : undefined;
    if (alias !== undefined) byAlias.set(alias, object);
  }
  const problems: Diagnostic[] = [];
  for (const holder of await keys.findMany(connection, [...byAlias.keys()], "key_alias")) {
    const object = byAlias.get(holder.key_alias ?? "");
    if (object === undefined || object.id === holder.token) continue;
    if (wanted.has(`key:${holder.token}`)) await keys.update(connection, holder.token, { key_alias: null });
    else {
      const message = `the alias ${holder.key_alias} is that of the key ${holder.key_name}, which the API made`;
      problems.push(refusal("declared_object", message, object.source));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

/** Declared keys that no file has any more, and what the archive keeps of them: their spend is read beforehand. */
async function goneKeys(
  management: Management,
  wanted: Snapshot["declaredObjects"],
): Promise<{ readonly rows: readonly KeyRow[]; readonly shown: readonly Json[] }> {
  const { kysely } = management.database;
  const tokens = idsOf(await readSetting(kysely, MARKER), "key").filter((token) => !wanted.has(`key:${token}`));
  const rows = await keys.findMany(kysely, tokens);
  return { rows, shown: await showKeys(management, kysely, rows) };
}

function idsOf(marker: Json | undefined, kind: DeclaredKind): string[] {
  const prefix = `${kind}:`;
  return [...markedIn(marker)].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

function markedIn(marker: Json | undefined): ReadonlySet<string> {
  return new Set(asArray(marker).filter((name): name is string => typeof name === "string"));
}

/** Why the management API refuses it, at the place where it stands. Throws what is no refusal. */
function problemOf(object: DeclaredObject, error: unknown): Diagnostic {
  if (!(error instanceof GatewayError || error instanceof DetailError)) throw error;
  const message = error instanceof DetailError ? detailText(error.detail) : error.message;
  return refusal("declared_object", `the ${object.kind} ${declaredName(object)}: ${message}`, object.source);
}

function detailText(detail: Json): string {
  if (Array.isArray(detail)) {
    const first = asObject(detail[0] as Json);
    return `${asArray(first?.loc).slice(1).join(".")}: ${asString(first?.msg) ?? "is not valid"}`;
  }
  return isObject(detail) ? (asString(detail.error) ?? JSON.stringify(detail)) : String(detail);
}
