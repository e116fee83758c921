import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { Secrets, UnreadableSecret } from "../../src/store/secrets.ts";

let directory: string;
let database: Database;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "isthmus-secrets-"));
  database = openDatabase({ dataDir: directory });
  await migrate(database);
});
afterAll(async () => {
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

async function opened(saltKey: string): Promise<Secrets> {
  const secrets = new Secrets(saltKey);
  await secrets.load(database.kysely);
  return secrets;
}

test("what one process sealed another reads, in its place alone", async () => {
  const [one, other] = await Promise.all([opened("salt"), opened("salt")]);
  const sealed = one.seal("sk-upstream", "credential:a");
  expect(sealed).not.toContain("upstream");
  expect(other.unseal(sealed, "credential:a")).toBe("sk-upstream");
  expect(() => other.unseal(sealed, "credential:b")).toThrow(UnreadableSecret);
  expect(() => other.unseal(`${sealed.slice(0, -2)}AA`, "credential:a")).toThrow(UnreadableSecret);
});

test("after a rotation old secrets stay readable and new ones have the new key", async () => {
  const secrets = await opened("salt");
  const old = secrets.sealObject({ api_key: "a", nested: ["b", 1, null] }, "model:x");
  await secrets.rotate(database.kysely);
  expect(secrets.unsealObject(old, "model:x")).toEqual({ api_key: "a", nested: ["b", 1, null] });
  expect(secrets.isCurrent(String(old.api_key))).toBe(false);
  expect(secrets.isCurrent(secrets.seal("a", "model:x"))).toBe(true);
});

test("only the salt key opens, and it can be changed without touching what is sealed", async () => {
  const secrets = await opened("salt");
  const sealed = secrets.seal("a", "model:x");
  expect(opened("another")).rejects.toThrow(UnreadableSecret);
  await database.kysely.transaction().execute((transaction) => secrets.rewrap(transaction, "another"));
  expect((await opened("another")).unseal(sealed, "model:x")).toBe("a");
  expect(opened("salt")).rejects.toThrow(UnreadableSecret);
});
