/** What the checks look at: the public address, the containers, the ledger's rows. */
import { publicFetch, upstreamCount } from "./client.ts";
import type { Host } from "./host.ts";

export function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

export async function until(what: string, seconds: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await Bun.sleep(250);
  }
  throw new Error(`not within ${seconds} s: ${what}${last === undefined ? "" : ` (${last})`}`);
}

/** GET at the public address. */
export function get(host: Host, path: string, init?: RequestInit): Promise<Response> {
  return publicFetch(host)(`https://isthmus.${host.domain}${path}`, init);
}

export async function containers(host: Host): Promise<string[]> {
  const listed = await host.podman("ps", "--filter", "label=traefik.enable=true", "--format", "{{.Names}}");
  return listed
    .split("\n")
    .filter((name) => name !== "")
    .sort();
}

export async function hostContainer(host: Host, service: string): Promise<string> {
  const listed = await host.podman("ps", "-a", "--filter", `name=host_${service}_`, "--format", "{{.Names}}");
  return listed.split("\n")[0] ?? "";
}

/** No call that the provider saw is missing, and no answer was invented: each id once. */
export async function sameCount(host: Host): Promise<void> {
  let shown = "";
  await until("the ledger has as many attempts as the provider saw calls", 30, async () => {
    const rows = await sql(
      host,
      "SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE status = 'success') FROM spend",
    );
    const [all = 0, distinct, answered = 0] = rows.trim().split("|").map(Number);
    const calls = await upstreamCount(host);
    shown = `${all} rows, ${distinct} ids, ${answered} of them answered; the provider saw ${calls} calls`;
    must(all === distinct && all >= calls && answered <= calls, shown);
    return true;
  });
}

/** Runs a statement as PostgreSQL's administrator and returns what it printed. */
export async function sql(host: Host, statement: string): Promise<string> {
  const postgres = await hostContainer(host, "postgres");
  return await host.podman(
    "exec",
    postgres,
    "psql",
    "-h",
    "/tmp",
    "-U",
    "postgres",
    "-d",
    "litellm_db",
    "-Atc",
    statement,
  );
}
