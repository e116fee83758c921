import { appendFileSync, existsSync } from "node:fs";
import { $, Glob } from "bun";
import { findOrInstall, install, isRoot } from "./debian-package.ts";
import { endProcess, freePort, type Service, ServiceUnavailable, startProcess, temporaryFolder } from "./service.ts";

const CLUSTER_SETTINGS = "/etc/postgresql-common/createcluster.conf";

/** A server of its own on a free port, which can be stopped in every way that servers stop. */
export interface PostgresServer {
  /** Of an empty database whose user may create others. */
  readonly url: string;
  /** Answers nothing and keeps its connections, like a machine that hangs. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends at once, as by a crash. */
  kill(): Promise<void>;
  /** Starts again with what was committed. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** A PostgreSQL server for the tests of one run. */
export async function startPostgres(): Promise<Service> {
  const server = await startPostgresServer();
  return { env: { TEST_POSTGRES_URL: server.url }, stop: () => server.stop() };
}

export interface ServerOptions {
  /** PEM files: the server then speaks TLS, and members of the role `tls_needed` have to. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts a PostgreSQL server with nothing in it. */
export async function startPostgresServer({ tls }: ServerOptions = {}): Promise<PostgresServer> {
  if (findServer() === undefined && isRoot() && Bun.which("apt-get") !== null) await preventSystemCluster();
  const program = await findOrInstall(findServer, "postgresql");
  const tool = (name: string): string => program.replace(/postgres$/, name);
  const folder = temporaryFolder("postgres");
  // PostgreSQL refuses to run as root; the user comes with the package.
  const as = isRoot() ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  try {
    if (isRoot()) await $`chown postgres ${folder.path}`;
    const data = `${folder.path}/data`;
    const created =
      await $`${as} ${tool("initdb")} -D ${data} -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync`
        .cwd(folder.path)
        .quiet()
        .nothrow();
    if (created.exitCode !== 0) throw new ServiceUnavailable(`initdb failed:\n${created.stderr.toString()}`);
    // Members of this role need their password; all others are trusted.
    const rules = `${data}/pg_hba.conf`;
    const own = [
      "host all +password_needed 127.0.0.1/32 scram-sha-256",
      "hostnossl all +tls_needed 127.0.0.1/32 reject",
    ];
    await Bun.write(rules, `${own.join("\n")}\n${await Bun.file(rules).text()}`);
    const settings = ["fsync=off"];
    if (tls !== undefined) {
      for (const [name, from] of [["server.crt", tls.cert] as const, ["server.key", tls.key] as const]) {
        await $`cp ${from} ${data}/${name} && chmod 600 ${data}/${name}`.quiet();
        if (isRoot()) await $`chown postgres ${data}/${name}`;
      }
      settings.push("ssl=on");
    }
    const port = await freePort();
    const begin = () =>
      startProcess(
        [
          ...as,
          program,
          "-D",
          data,
          "-p",
          `${port}`,
          "-h",
          "127.0.0.1",
          "-k",
          folder.path,
          ...settings.flatMap((one) => ["-c", one]),
        ],
        async () => (await $`${tool("pg_isready")} -q -h 127.0.0.1 -p ${port}`.quiet().nothrow()).exitCode === 0,
        { cwd: folder.path },
      );
    let child = await begin();
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      freeze: () => signalFamily(child.pid, "SIGSTOP"),
      thaw: () => signalFamily(child.pid, "SIGCONT"),
      async kill() {
        await endProcess(child, "SIGQUIT"); // its "immediate" shutdown: no farewell, recovery at the next start
      },
      async start() {
        child = await begin();
      },
      async stop() {
        if (child.exitCode === null) await endProcess(child, "SIGINT"); // its "fast" shutdown, which waits for no client
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/** Signals the server and its backends: a frozen server alone would leave those that serve. */
async function signalFamily(pid: number, signal: NodeJS.Signals): Promise<void> {
  const children = (await Bun.file(`/proc/${pid}/task/${pid}/children`).text()).trim().split(" ").filter(Boolean);
  for (const each of [pid, ...children.map(Number)]) process.kill(each, signal);
}

/** The newest installed server. Debian keeps it outside the PATH, in a folder for each version. */
function findServer(): string | undefined {
  const root = "/usr/lib/postgresql";
  const servers = existsSync(root) ? [...new Glob("*/bin/postgres").scanSync({ cwd: root, onlyFiles: false })] : [];
  const newest = servers.sort((left, right) => Number.parseInt(right, 10) - Number.parseInt(left, 10))[0];
  return newest === undefined ? (Bun.which("postgres") ?? undefined) : `${root}/${newest}`;
}

/** The package would otherwise create and start a server on port 5432 that nobody asked for. */
async function preventSystemCluster(): Promise<void> {
  await install("postgresql-common");
  appendFileSync(CLUSTER_SETTINGS, "\ncreate_main_cluster = false\n");
}
