import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Examination, type Finding, findingsOf } from "./finding.ts";

const { ok, warning, problem } = findingsOf("machine");

const LITTLE_BYTES = 1024 ** 3;
const TOO_LITTLE_BYTES = 128 * 1024 ** 2;
/** Each request needs two, and a connection that waits one. */
const FEW_FILES = 8_192;
const TOO_FEW_FILES = 2_048;
/** No provider and no journal knows this program before it. */
const EARLIEST_CLOCK = Date.UTC(2025, 0, 1);
const NETWORKS = ["web", "internal_network"];

/** The data folder, the disk, open files, the clock, and Docker's networks where there is a Docker. */
export async function checkMachine(examination: Examination): Promise<Finding[]> {
  return [...dataFolder(examination), ...openFiles(), ...clock(), ...networks(examination)];
}

function dataFolder({ dataDir }: Examination): Finding[] {
  const probe = join(dataDir, `.doctor-${process.pid}`);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    closeSync(openSync(probe, "wx", 0o600));
    rmSync(probe);
  } catch (error) {
    return [
      problem(
        "data_folder",
        `the data folder ${dataDir} cannot be written: ${(error as { code?: string }).code ?? error}`,
        {
          why: "without a journal no call is admitted",
          fix: `mount a volume there and let this user (${process.getuid?.() ?? "?"}) own it: chown ${process.getuid?.() ?? "USER"} ${dataDir}; or name another with ISTHMUS_DATA_DIR`,
        },
      ),
    ];
  }
  const { bavail, bsize } = statfsSync(existsSync(dataDir) ? dataDir : dirname(dataDir));
  const free = bavail * bsize;
  const shown = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${dataDir}`;
  const why = "a full disk stops admission: calls in flight finish, new ones get 503";
  const fix = "make room, or move the data folder: ISTHMUS_DATA_DIR";
  if (free < TOO_LITTLE_BYTES) return [problem("disk", shown, { why, fix })];
  if (free < LITTLE_BYTES) return [warning("disk", shown, { why, fix })];
  return [ok("data_folder", `${dataDir} can be written; ${shown}`)];
}

function openFiles(): Finding[] {
  if (!existsSync("/proc/self/limits")) return [];
  const line = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const limit = line?.[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(line?.[1] ?? Number.NaN);
  const shown = `${limit} files and connections may be open at a time`;
  const why = "each request in flight holds two";
  const fix = "compose: ulimits.nofile; systemd: LimitNOFILE=65536; shell: ulimit -n 65536";
  if (limit < TOO_FEW_FILES) return [problem("open_files", shown, { why, fix })];
  if (limit < FEW_FILES) return [warning("open_files", shown, { why, fix })];
  return [ok("open_files", shown)];
}

function clock(): Finding[] {
  if (Date.now() > EARLIEST_CLOCK) return [];
  return [
    problem("clock", `the clock says ${new Date().toISOString()}`, {
      why: "certificates seem not to be valid yet, and budgets reset at the wrong time",
      fix: "timedatectl set-ntp true",
    }),
  ];
}

/** On the host only: inside a container there is no Docker to ask, and a missing network shows as an unknown host. */
function networks({ environment }: Examination): Finding[] {
  const docker = Bun.which("docker");
  if (docker === null || environment.BASE_DOMAIN === undefined || environment.BASE_DOMAIN === "") return [];
  const listed = Bun.spawnSync([docker, "network", "ls", "--format", "{{.Name}}"], { stderr: "pipe" });
  if (listed.exitCode !== 0) {
    return [
      warning("docker", `Docker does not answer: ${listed.stderr.toString().trim().slice(0, 200)}`, {
        why: "its networks could not be looked at",
        fix: "start Docker, or run this as a user who may use it",
      }),
    ];
  }
  const there = new Set(listed.stdout.toString().split("\n"));
  const missing = NETWORKS.filter((name) => !there.has(name));
  if (missing.length === 0) return [ok("networks", `the networks ${NETWORKS.join(" and ")} are there`)];
  return [
    problem("network_missing", `Docker has no network ${missing.join(" and no network ")}`, {
      why: "the containers cannot be started",
      fix: "make networks",
    }),
  ];
}
