import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { sql } from "kysely";
import { openDatabase } from "../../src/store/database.ts";
import { ROOT, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { createDatabase, ownPostgres } from "../support/services/postgres.ts";

setDefaultTimeout(30_000);

const CERTIFICATES = join(ROOT, "test/fixtures/certificates");
/** Signed by itself, for `localhost`. */
const CERT = join(CERTIFICATES, "good.crt");
const OTHER = join(CERTIFICATES, "other.crt");

const server = await ownPostgres({ tls: { cert: CERT, key: join(CERTIFICATES, "good.key") } });
const made = server === undefined ? undefined : await createDatabase(server.url, "tls");
await made?.query("CREATE ROLE tls_needed");
await made?.query("CREATE ROLE careful LOGIN IN ROLE tls_needed SUPERUSER");
afterAll(() => server?.stop());

/** The address of a user who may only come by TLS. */
function address(host: string, query: string): string {
  const url = new URL(made?.url as string);
  url.username = "careful";
  url.hostname = host;
  url.search = query;
  return url.href;
}

async function speaksTls(host: string, query: string, tuning = {}): Promise<unknown> {
  const database = openDatabase({ url: address(host, query), tuning });
  try {
    const { rows } = await sql<{ ssl: boolean }>`
      SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`.execute(database.kysely);
    return rows[0]?.ssl;
  } catch (error) {
    return error instanceof Error ? error.message : error;
  } finally {
    await database.close();
  }
}

describe.skipIf(server === undefined)("a server whose certificate nobody knows", () => {
  test.each([
    ["localhost", "sslmode=require", true],
    ["127.0.0.1", "sslmode=require", true],
    ["127.0.0.1", "sslmode=no-verify", true],
    ["localhost", `sslmode=verify-full&sslrootcert=${CERT}`, true],
    ["127.0.0.1", `sslmode=verify-ca&sslrootcert=${CERT}`, true],
    ["localhost", `sslmode=require&sslaccept=strict&sslcert=${CERT}`, true],
    ["localhost", "sslmode=verify-full", /self.signed|certificate/i],
    ["localhost", "sslmode=verify-ca", /self.signed|certificate/i],
    ["localhost", "sslmode=require&sslaccept=strict", /self.signed|certificate/i],
    ["localhost", `sslmode=verify-full&sslrootcert=${OTHER}`, /self.signed|certificate/i],
    ["127.0.0.1", `sslmode=verify-full&sslrootcert=${CERT}`, /altname|identity|certificate/i],
    ["localhost", "sslmode=disable", /pg_hba/],
    ["localhost", "", /pg_hba/],
  ])("as %s with %s", async (host, query, expected) => {
    const found = await speaksTls(host, query);
    if (expected instanceof RegExp) expect(String(found)).toMatch(expected);
    else expect(found).toBe(expected);
  });

  test("the configuration's parameters win over the address", async () => {
    const parameters = { sslmode: "require" };
    expect(await speaksTls("localhost", "sslmode=disable", { parameters })).toBe(true);
  });

  test("a gateway runs on it, and its configuration may say how", async () => {
    const gateway = await startGateway({
      config: `model_list: [{model_name: m, litellm_params: {model: openai/m, mock_response: hi}}]
general_settings: {database_extra_connection_params: {sslmode: require}}
`,
      env: { DATABASE_URL: address("localhost", "connection_limit=2") },
    });
    const api = new ManagementClient(gateway);
    const { key } = await api.ok("POST", "/key/generate", {});
    expect((await api.chat("m", key)).status).toBe(200);
    const connections = await made?.query<{ ssl: boolean }>(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'careful'",
    );
    expect(connections?.length).toBeGreaterThan(0);
    expect(connections?.every(({ ssl }) => ssl)).toBe(true);
    await gateway.stop();
  });
});
