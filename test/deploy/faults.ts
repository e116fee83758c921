/** Faults put in on purpose, one at a time: `make doctor` must name each, and find nothing once it is mended. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./checks.ts";
import type { Host } from "./host.ts";
import { get, hostContainer, must, sql, until } from "./look.ts";
import { makeExpired } from "./machine.ts";

type Mend = () => void | Promise<void>;

interface Fault {
  readonly name: string;
  /** The code of the finding that must name it. */
  readonly code: string;
  put(host: Host): Mend | Promise<Mend>;
}

/** A change of a file of the operator's folder. */
const inFile =
  (file: string, change: (text: string) => string) =>
  (host: Host): Mend => {
    const path = join(host.checkout, "deploy", file);
    const before = readFileSync(path, "utf8");
    const after = change(before);
    must(after !== before, `the fault changes nothing in ${file}`);
    writeFileSync(path, after);
    return () => writeFileSync(path, before);
  };

const inEnvironment = (name: string, value: string) =>
  inFile(".env", (text) =>
    new RegExp(`^${name}=`, "m").test(text)
      ? text.replace(new RegExp(`^${name}=.*$`, "m"), `${name}=${value}`)
      : `${text}${name}=${value}\n`,
  );

const FAULTS: readonly Fault[] = [
  { name: "a slip in the YAML", code: "yaml", put: inFile("config.yml", (text) => `${text}broken: [\n`) },
  {
    name: "a key that nobody knows",
    code: "unknown_key",
    put: inFile("config.yml", (text) => `${text}modl_list: []\n`),
  },
  {
    name: "an include that is missing",
    code: "file_missing",
    put: inFile("config.yml", (text) => text.replace("models/test.yml", "models/nowhere.yml")),
  },
  {
    name: "a variable that is not set",
    code: "missing_environment_variable",
    put: inFile("models/test.yml", (text) => text.replaceAll("PROVIDER_KEY", "NOT_SET")),
  },
  { name: "a wrong key of the provider", code: "provider_key", put: inEnvironment("PROVIDER_KEY", "sk-wrong") },
  {
    name: "an unknown provider",
    code: "deployment_skipped",
    put: inFile("models/test.yml", (text) => text.replace("openai/", "nobody/")),
  },
  {
    name: "a wrong password of PostgreSQL",
    code: "postgres_password",
    put: inEnvironment("POSTGRES_PASSWORD", "wrong"),
  },
  { name: "a wrong host of PostgreSQL", code: "postgres_host", put: inEnvironment("POSTGRES_HOST", "nowhere") },
  { name: "a missing database", code: "postgres_database", put: inEnvironment("POSTGRES_LITELLM_DB", "nowhere") },
  {
    name: "a user of PostgreSQL without rights",
    code: "postgres_rights",
    async put(host) {
      await sql(host, `CREATE ROLE poor LOGIN PASSWORD '${host.secrets.POSTGRES_PASSWORD}'`);
      const mend = inEnvironment("POSTGRES_USER", "poor")(host);
      return async () => {
        await mend();
        await sql(host, "DROP ROLE poor");
      };
    },
  },
  {
    name: "an old schema",
    code: "postgres_schema_old",
    async put(host) {
      await sql(
        host,
        "CREATE TABLE taken_away AS SELECT * FROM schema_migration ORDER BY name DESC LIMIT 1; DELETE FROM schema_migration WHERE name IN (SELECT name FROM taken_away)",
      );
      return async () => {
        await sql(host, "INSERT INTO schema_migration SELECT * FROM taken_away; DROP TABLE taken_away");
      };
    },
  },
  { name: "a wrong password of Redis", code: "redis_password", put: inEnvironment("REDIS_PASSWORD", "wrong") },
  {
    name: "a Redis that drops keys",
    code: "redis_eviction",
    async put(host) {
      const policy = async (name: string): Promise<void> => {
        const redis = await hostContainer(host, "redis");
        const { REDIS_PASSWORD } = host.secrets;
        await host.podman("exec", redis, "redis-cli", "-a", REDIS_PASSWORD, "CONFIG", "SET", "maxmemory-policy", name);
      };
      await policy("allkeys-lru");
      return () => policy("noeviction");
    },
  },
  {
    name: "a wrong label of the router",
    code: "route_missing",
    async put(host) {
      const mend = inFile("docker-compose.yml", (text) => text.replace("Host(`isthmus.", "Host(`ithsmus."))(host);
      await routed(host, 404);
      return async () => {
        await mend();
        await routed(host, 200);
      };
    },
  },
  { name: "a wrong BASE_DOMAIN", code: "dns_missing", put: inEnvironment("BASE_DOMAIN", "elsewhere.test") },
  {
    name: "a DNS record that leads elsewhere",
    code: "dns_elsewhere",
    put: inEnvironment("ISTHMUS_PUBLIC_ADDRESS", "203.0.113.7"),
  },
  {
    name: "a certificate that has expired",
    code: "tls_expired",
    async put(host) {
      const [valid, kept] = [join(host.traefik, "host.crt"), join(host.traefik, "host.crt.kept")];
      copyFileSync(valid, kept);
      await makeExpired(host.traefik);
      host.reloadTraefik();
      await until("Traefik shows it", 20, () =>
        get(host, "/health/liveliness").then(
          () => false,
          () => true,
        ),
      );
      return async () => {
        copyFileSync(kept, valid);
        host.reloadTraefik();
        await until("Traefik shows the valid one", 20, async () => (await get(host, "/health/liveliness")).ok);
      };
    },
  },
  {
    name: "a data folder that cannot be written",
    code: "data_folder",
    put: inEnvironment("ISTHMUS_DATA_DIR", "/app/models"),
  },
  {
    name: "too few file descriptors",
    code: "open_files",
    put: inFile("override.yml", (text) =>
      text.replaceAll("nofile: { soft: 4096, hard: 4096 }", "nofile: { soft: 1024, hard: 1024 }"),
    ),
  },
];

export function faultChecks(): Check[] {
  return FAULTS.map(({ name, code, put }) => ({
    name: `make doctor finds ${name}`,
    async run(host) {
      const mend = await put(host);
      try {
        const { output } = await host.make("doctor", "ARGS=--json --timeout 5");
        must(new RegExp(`"code": "${code}`).test(output), `no finding ${code}:\n${output}`);
      } finally {
        await mend();
      }
    },
  }));
}

/** Brings Isthmus up with its labels of now, and waits until its name answers like that. */
async function routed(host: Host, status: number): Promise<void> {
  const { status: exit, output } = await host.make("up", "isthmus");
  must(exit === 0, output);
  await until(
    `the public name answers ${status}`,
    60,
    async () => (await get(host, "/health/liveliness")).status === status,
  );
}
