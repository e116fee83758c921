import { appendFileSync, existsSync } from "node:fs";
import { $, Glob } from "bun";
import { findOrInstall, install, isRoot } from "./debian-package.ts";
import { endProcess, freePort, type Service, ServiceUnavailable, startProcess, temporaryFolder } from "./service.ts";

const CLUSTER_SETTINGS = "/etc/postgresql-common/createcluster.conf";

/** A PostgreSQL server of its own on a free port, with nothing in it. */
export async function startPostgres(): Promise<Service> {
  if (findServer() === undefined && isRoot() && Bun.which("apt-get") !== null) await preventSystemCluster();
  const server = await findOrInstall(findServer, "postgresql");
  const tool = (name: string): string => server.replace(/postgres$/, name);
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
    await Bun.write(rules, `host all +password_needed 127.0.0.1/32 scram-sha-256\n${await Bun.file(rules).text()}`);
    const port = await freePort();
    const child = await startProcess(
      [...as, server, "-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", folder.path, "-c", "fsync=off"],
      async () => (await $`${tool("pg_isready")} -q -h 127.0.0.1 -p ${port}`.quiet().nothrow()).exitCode === 0,
      { cwd: folder.path },
    );
    return {
      env: { TEST_POSTGRES_URL: `postgres://postgres@127.0.0.1:${port}/postgres` },
      async stop() {
        await endProcess(child, "SIGINT"); // its "fast" shutdown, which does not wait for clients
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
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
