import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../../src/store/database.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { appendAudit, changesAfter, newestChange } from "../../../src/store/objects/audit-log.ts";
import {
  findReplacedKey,
  forgetReplacedTokens,
  type KeyRow,
  keys,
  replaceToken,
} from "../../../src/store/objects/keys.ts";
import { spendTotals } from "../../../src/store/objects/spend-totals.ts";
import { findUserByEmail, users } from "../../../src/store/objects/users.ts";

let directory: string;
let database: Database;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "isthmus-objects-"));
  database = openDatabase({ dataDir: directory });
  await migrate(database);
});

afterAll(async () => {
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

const LIMITS = {
  max_budget_nano: null,
  soft_budget_nano: null,
  budget_duration: null,
  budget_reset_at: null,
  max_parallel_requests: null,
  tpm_limit: null,
  rpm_limit: null,
  tpd_limit: null,
};
const STAMPS = { created_at: 1, created_by: null, updated_at: 1, updated_by: null };

function keyRow(token: string, changes: Partial<KeyRow> = {}): KeyRow {
  return {
    token,
    key_name: "sk-...abcd",
    key_alias: null,
    user_id: null,
    team_id: null,
    organization_id: null,
    project_id: null,
    agent_id: null,
    budget_id: null,
    expires: null,
    models: "[]",
    ...LIMITS,
    spend_offset_nano: 0n,
    previous_tokens: "[]",
    blocked: null,
    allowed_routes: "[]",
    metadata: "{}",
    settings: "{}",
    ...STAMPS,
    ...changes,
  };
}

test("a row comes back as it was written, money beyond 2^53 included", async () => {
  const row = keyRow("round-trip", { max_budget_nano: 2n ** 53n + 1n, expires: 1_900_000_000_000, key_alias: "round" });
  await keys.insert(database.kysely, row);
  expect(await keys.find(database.kysely, "round-trip")).toEqual(row);
  expect(await keys.update(database.kysely, "round-trip", { blocked: 1 })).toBe(true);
  expect((await keys.find(database.kysely, "round-trip"))?.blocked).toBe(1);
  expect(await keys.update(database.kysely, "gone", { blocked: 1 })).toBe(false);
});

test("two keys cannot have one alias, and many can have none", async () => {
  await keys.insert(database.kysely, keyRow("alias-1", { key_alias: "taken" }));
  expect(keys.insert(database.kysely, keyRow("alias-2", { key_alias: "taken" }))).rejects.toThrow();
  await keys.insert(database.kysely, keyRow("alias-3"));
  await keys.insert(database.kysely, keyRow("alias-4"));
});

test("conditions take every text as text", async () => {
  const aliases = ["50%_off", "50 off", "'; DROP TABLE virtual_key; --", "back\\slash"];
  for (const [at, alias] of aliases.entries()) {
    await keys.insert(database.kysely, keyRow(`text-${at}`, { key_alias: alias, team_id: "texts", created_at: at }));
  }
  const find = async (contains: string) => {
    const page = await keys.page(database.kysely, {
      where: [
        { column: "team_id", is: "texts" },
        { column: "key_alias", contains },
      ],
      orderBy: "created_at",
      descending: false,
      limit: 10,
      offset: 0,
    });
    return page.rows.map((row) => row.key_alias);
  };
  expect(await find("50%_OFF")).toEqual(["50%_off"]);
  expect(await find("'; drop table")).toEqual(["'; DROP TABLE virtual_key; --"]);
  expect(await find("\\")).toEqual(["back\\slash"]);
});

test("pages follow one another, and tell how many there are on all", async () => {
  for (let at = 0; at < 7; at += 1) await keys.insert(database.kysely, keyRow(`page-${at}`, { team_id: "pages" }));
  const seen: string[] = [];
  for (let offset = 0; offset < 7; offset += 3) {
    const page = await keys.page(database.kysely, {
      where: [
        {
          any: [
            { column: "team_id", is: "pages" },
            { column: "user_id", in: [] },
          ],
        },
      ],
      orderBy: "created_at",
      descending: true,
      limit: 3,
      offset,
    });
    expect(page.total).toBe(7);
    seen.push(...page.rows.map((row) => row.token));
  }
  expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((at) => `page-${at}`));
});

test("a replaced token opens its key until it is revoked, through every later replacement", async () => {
  await keys.insert(database.kysely, keyRow("third"));
  await replaceToken(database.kysely, { old: "first", token: "second", revokeAt: 1_000 });
  await replaceToken(database.kysely, { old: "second", token: "third", revokeAt: 2_000 });
  expect((await findReplacedKey(database.kysely, "first", 999))?.token).toBe("third");
  expect(await findReplacedKey(database.kysely, "first", 1_000)).toBeUndefined();
  expect((await findReplacedKey(database.kysely, "second", 1_999))?.token).toBe("third");
  await forgetReplacedTokens(database.kysely, ["third"]);
  expect(await findReplacedKey(database.kysely, "second", 0)).toBeUndefined();
});

test("an address belongs to one user, however it is written", async () => {
  const user = {
    user_id: "u-1",
    user_email: "Ada@Example.com",
    user_alias: null,
    user_role: "internal_user",
    sso_user_id: null,
    password: null,
    models: "[]",
    ...LIMITS,
    spend_offset_nano: 0n,
    metadata: "{}",
    settings: "{}",
    ...STAMPS,
  };
  await users.insert(database.kysely, user);
  expect((await findUserByEmail(database.kysely, "ada@example.COM"))?.user_id).toBe("u-1");
  expect(users.insert(database.kysely, { ...user, user_id: "u-2", user_email: "ada@example.com" })).rejects.toThrow();
});

test("changes are numbered in their order", async () => {
  const before = await newestChange(database.kysely);
  for (const id of ["a", "b"]) {
    await appendAudit(database.kysely, {
      id: `change-${id}`,
      updated_at: 1,
      changed_by: "admin",
      changed_by_api_key: "hash",
      action: "created",
      table_name: "virtual_key",
      object_id: id,
      before_value: null,
      updated_values: "{}",
    });
  }
  const changes = await changesAfter(database.kysely, before, 10);
  expect(changes.map((change) => change.id)).toEqual(["a", "b"]);
  expect(await newestChange(database.kysely)).toBe(changes[1]?.seq ?? -1);
});

test("entities that never spent have no total", async () => {
  expect((await spendTotals(database.kysely, "key", ["round-trip", "gone"])).size).toBe(0);
});
