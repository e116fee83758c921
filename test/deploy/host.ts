import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import { endProcess, freePort, startProcess } from "../../scripts/services/service.ts";
import { type Machine, makeCertificates } from "./machine.ts";

const root = join(import.meta.dir, "../..");

/** What the operator has written into .env. */
export const SECRETS = {
  LITELLM_MASTER_KEY: "sk-deploy-master-0123456789abcdef",
  LITELLM_SALT_KEY: "deploy-salt-0123456789abcdef",
  POSTGRES_PASSWORD: "postgres-password-0123",
  REDIS_PASSWORD: "redis-password-0123",
  PROVIDER_KEY: "sk-provider-key",
} as const;

/** The operator's Docker host: networks, PostgreSQL, Redis, Traefik, a provider; Isthmus is brought up on it by make. */
export interface Host {
  readonly domain: string;
  /** Where Traefik's port 443 is on this machine. */
  readonly publicPort: number;
  readonly upstream: string;
  readonly ca: string;
  readonly secrets: typeof SECRETS;
  /** The folder of Traefik's configuration and certificates. */
  readonly traefik: string;
  /** What `make doctor` said before there was any network. */
  readonly withoutNetworks: { readonly status: number; readonly output: string };
  /** A copy of what an operator checks out: Makefile and deploy/. */
  readonly checkout: string;
  /** `make TARGET…` in the checkout; resolves with everything that was printed. */
  make(...targets: string[]): Promise<{ status: number; output: string }>;
  podman(...args: string[]): Promise<string>;
  /** Lets Traefik read its configuration and its certificates again. */
  reloadTraefik(): void;
  stop(): Promise<void>;
}

export async function startHost(machine: Machine, folder: string): Promise<Host> {
  const { env, podman, compose } = machine;
  const domain = "example.test";
  const host = `isthmus.${domain}`;
  const [publicPort, upstreamPort] = [await freePort(), await freePort()];
  const { ca } = await makeCertificates(join(folder, "traefik"), host);
  writeTraefik(join(folder, "traefik"));

  const call = async (...args: string[]): Promise<string> => await $`${podman} ${args}`.env(env).text();
  const checkout = join(folder, "checkout");
  mkdirSync(checkout);
  cpSync(join(root, "deploy"), join(checkout, "deploy"), { recursive: true });
  cpSync(join(root, "Makefile"), join(checkout, "Makefile"));
  cpSync(join(import.meta.dir, "override.yml"), join(checkout, "deploy/override.yml"));
  writeConfiguration(checkout, domain);
  const make = async (...targets: string[]): Promise<{ status: number; output: string }> => {
    const run =
      await $`make --no-print-directory ${targets} DOCKER=${podman} COMPOSE=${compose} ${"COMPOSE_FILE=deploy/docker-compose.yml -f deploy/override.yml"} 2>&1`
        .cwd(checkout)
        .env(env)
        .nothrow()
        .quiet();
    return { status: run.exitCode, output: run.stdout.toString() };
  };
  for (const network of ["web", "internal_network"])
    await $`${podman} network rm ${network}`.env(env).nothrow().quiet();
  const withoutNetworks = await make("doctor");
  await make("networks");
  const socket = join(folder, "podman.sock");
  const service = await startProcess(
    [podman, "system", "service", "--time=0", `unix://${socket}`],
    async () => (await $`test -S ${socket}`.nothrow().quiet()).exitCode === 0,
    { env },
  );
  const hostEnv = {
    ...env,
    ...SECRETS,
    BASE_DOMAIN: domain,
    PUBLIC_PORT: String(publicPort),
    UPSTREAM_PORT: String(upstreamPort),
    HOST_FOLDER: folder,
  };
  const hostFile = join(import.meta.dir, "host.yml");
  await $`${compose} -f ${hostFile} up -d`.env(hostEnv).quiet();

  return {
    domain,
    publicPort,
    upstream: `http://127.0.0.1:${upstreamPort}`,
    ca,
    secrets: SECRETS,
    traefik: join(folder, "traefik"),
    withoutNetworks,
    checkout,
    make,
    podman: call,
    reloadTraefik: () => writeDynamic(join(folder, "traefik")),
    async stop() {
      await $`${compose} -f deploy/docker-compose.yml -f deploy/override.yml down -v`
        .cwd(checkout)
        .env({ ...env, ...SECRETS, BASE_DOMAIN: domain })
        .nothrow()
        .quiet();
      await $`${compose} -f ${hostFile} down -v`.env(hostEnv).nothrow().quiet();
      await endProcess(service);
    },
  };
}

function writeTraefik(folder: string): void {
  writeFileSync(
    join(folder, "traefik.yml"),
    `entryPoints:
  websecure:
    address: ":443"
    transport: {respondingTimeouts: {readTimeout: 0}}
providers:
  docker: {exposedByDefault: false, network: web}
  file: {filename: /etc/traefik/tls.yml}
log: {level: INFO}
`,
  );
  writeDynamic(folder);
}

let loads = 0;

/** The part that Traefik reads again whenever it changes. */
function writeDynamic(folder: string): void {
  writeFileSync(
    join(folder, "tls.yml"),
    `# ${++loads}
tls:
  stores:
    default:
      defaultCertificate: {certFile: /etc/traefik/host.crt, keyFile: /etc/traefik/host.key}
`,
  );
}

function writeConfiguration(checkout: string, domain: string): void {
  const env = [
    `BASE_DOMAIN=${domain}`,
    "POSTGRES_HOST=postgres",
    "POSTGRES_USER=litellm",
    "POSTGRES_LITELLM_DB=litellm_db",
    "REDIS_HOST=redis",
    "TRAEFIK_RATE_AVERAGE=10000",
    "TRAEFIK_RATE_BURST=10000",
    ...Object.entries(SECRETS).map(([name, value]) => `${name}=${value}`),
  ];
  writeFileSync(join(checkout, "deploy/.env"), `${env.join("\n")}\n`);
  writeFileSync(
    join(checkout, "deploy/config.yml"),
    `include: [models/test.yml]
litellm_settings: {drop_params: true}
general_settings: {master_key: os.environ/LITELLM_MASTER_KEY}
`,
  );
  writeFileSync(
    join(checkout, "deploy/models/test.yml"),
    `model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: http://upstream:8080/v1
      api_key: os.environ/PROVIDER_KEY
  - model_name: realtime
    litellm_params:
      model: openai/gpt-realtime
      api_base: http://upstream:8080/v1
      api_key: os.environ/PROVIDER_KEY
    model_info: {mode: realtime}
`,
  );
}
