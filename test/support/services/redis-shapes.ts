import { $ } from "bun";
import { freePort, temporaryFolder } from "../../../scripts/services/service.ts";
import { eventually } from "../eventually.ts";
import { type OwnRedis, ownRedis } from "./redis.ts";

/** Files of an authority of a test's own, a server's certificate by it and a client's. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly certificate: string; readonly key: string };
  readonly client: { readonly certificate: string; readonly key: string };
  remove(): void;
}

export async function makeCertificates(): Promise<Certificates> {
  const folder = temporaryFolder("certificates");
  const at = (name: string): string => `${folder.path}/${name}`;
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await $`openssl req -x509 ${curve} -days 2 -keyout ${at("ca.key")} -out ${at("ca.pem")} -subj ${"/CN=Test authority"}`.quiet();
  const issue = async (name: string, subject: string, extensions: string) => {
    const [key, request, certificate] = [at(`${name}.key`), at(`${name}.csr`), at(`${name}.pem`)];
    await Bun.write(at(`${name}.ext`), extensions);
    await $`openssl req ${curve} -keyout ${key} -out ${request} -subj ${subject}`.quiet();
    await $`openssl x509 -req -in ${request} -CA ${at("ca.pem")} -CAkey ${at("ca.key")} -CAcreateserial -days 2 -extfile ${at(`${name}.ext`)} -out ${certificate}`.quiet();
    return { certificate, key };
  };
  return {
    ca: at("ca.pem"),
    server: await issue("server", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1\n"),
    client: await issue("client", "/CN=gateway", "extendedKeyUsage=clientAuth\n"),
    remove: folder.remove,
  };
}

/** Arguments of a server that speaks TLS on this port, beside its own without. */
export function tlsArguments({ ca, server }: Certificates, port: number, clients: "yes" | "no"): readonly string[] {
  return [
    ...["--tls-port", `${port}`, "--tls-ca-cert-file", ca],
    ...["--tls-cert-file", server.certificate, "--tls-key-file", server.key, "--tls-auth-clients", clients],
  ];
}

export interface OwnCluster {
  /** Three primaries. */
  readonly primaries: readonly OwnRedis[];
  /** Their ports for TLS. */
  readonly tlsPorts: readonly number[];
  /** Takes the place of `owner`, the primary of the keys with the tag that was given. */
  readonly replica: OwnRedis;
  readonly owner: OwnRedis;
  stop(): Promise<void>;
}

const SLOTS = [0, 5461, 10_923, 16_384] as const;

/** A cluster of three primaries and one replica, of the one that has the slot of `tag`; between its nodes with TLS. */
export async function ownCluster(options: {
  readonly password: string;
  readonly tag: string;
  readonly certificates: Certificates;
}): Promise<OwnCluster> {
  const { password, tag, certificates } = options;
  const nodes = await Promise.all([0, 1, 2, 3].map((index) => clusterNode(index + 1, password, certificates)));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(({ redis }) => redis.stop()));
  };
  try {
    const primaries = nodes.slice(0, 3);
    const replica = nodes[3] as ClusterNode;
    const [first] = primaries as [ClusterNode];
    for (const [index, node] of primaries.entries()) {
      await node.ask("cluster", "addslotsrange", `${SLOTS[index]}`, `${(SLOTS[index + 1] as number) - 1}`);
    }
    for (const { tls, bus } of nodes.slice(1)) await first.ask("cluster", "meet", "127.0.0.1", `${tls}`, `${bus}`);
    const slot = Number(await first.ask("cluster", "keyslot", tag));
    const owner = primaries[SLOTS.findIndex((from) => slot < from) - 1] as ClusterNode;
    const id = await owner.ask("cluster", "myid");
    await eventually(async () => (await replica.ask("cluster", "replicate", id)) === "OK", { what: "a replica" });
    for (const { ask } of nodes) {
      const settled = async (): Promise<boolean> => {
        const [state, list] = await Promise.all([ask("cluster", "info"), ask("cluster", "nodes")]);
        return state.includes("cluster_state:ok") && list.split("\n").length === 4 && list.includes("slave");
      };
      await eventually(settled, { what: "a cluster that all of its nodes see", seconds: 30 });
    }
    await eventually(async () => (await replica.ask("info", "replication")).includes("master_link_status:up"));
    return {
      primaries: primaries.map(({ redis }) => redis),
      tlsPorts: primaries.map(({ tls }) => tls),
      owner: owner.redis,
      replica: replica.redis,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface ClusterNode {
  readonly redis: OwnRedis;
  readonly tls: number;
  readonly bus: number;
  ask(...words: string[]): Promise<string>;
}

async function clusterNode(epoch: number, password: string, certificates: Certificates): Promise<ClusterNode> {
  const [tls, bus] = [await freePort(), await freePort()];
  const redis = await ownRedis([
    ...["--cluster-enabled", "yes", "--cluster-port", `${bus}`, "--cluster-node-timeout", "1000"],
    ...["--cluster-announce-ip", "127.0.0.1", "--cluster-replica-validity-factor", "0"],
    ...["--requirepass", password, "--masterauth", password],
    ...tlsArguments(certificates, tls, "no"),
    ...["--tls-cluster", "yes", "--tls-replication", "yes"],
  ]);
  const ask = async (...words: string[]): Promise<string> =>
    (await $`redis-cli --no-auth-warning -a ${password} -p ${redis.port} ${words}`.text()).trim();
  // Without one of its own each would first have to agree with the others on who has which.
  await ask("cluster", "set-config-epoch", `${epoch}`);
  return { redis, tls, bus, ask };
}

export interface OwnSentinels {
  readonly service: string;
  readonly primary: OwnRedis;
  readonly replica: OwnRedis;
  readonly sentinel: OwnRedis;
  stop(): Promise<void>;
}

/** A primary with a replica, and a sentinel that makes the replica the primary when that is gone; both with passwords. */
export async function ownSentinels(passwords: {
  readonly redis: string;
  readonly sentinel: string;
}): Promise<OwnSentinels> {
  const options = ["--requirepass", passwords.redis, "--masterauth", passwords.redis];
  const primary = await ownRedis(options);
  const replica = await ownRedis([...options, "--replicaof", "127.0.0.1", `${primary.port}`]);
  const folder = temporaryFolder("sentinel");
  const file = `${folder.path}/sentinel.conf`;
  await Bun.write(
    file,
    [
      `sentinel monitor mymaster 127.0.0.1 ${primary.port} 1`,
      `sentinel auth-pass mymaster "${passwords.redis}"`,
      "sentinel down-after-milliseconds mymaster 500",
      "sentinel failover-timeout mymaster 3000",
      `requirepass ${passwords.sentinel}`,
      "",
    ].join("\n"),
  );
  const sentinel = await ownRedis([], { sentinelFile: file });
  const stop = async (): Promise<void> => {
    await Promise.all([sentinel.stop(), replica.stop(), primary.stop()]);
    folder.remove();
  };
  try {
    const knows = async (): Promise<boolean> =>
      (
        await $`redis-cli --no-auth-warning -a ${passwords.sentinel} -p ${sentinel.port} sentinel replicas mymaster`.text()
      ).includes(`127.0.0.1:${replica.port}`);
    await eventually(knows, { what: "a sentinel that knows the replica", seconds: 30 });
    return { service: "mymaster", primary, replica, sentinel, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
