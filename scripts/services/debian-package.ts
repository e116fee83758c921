import { ServiceUnavailable } from "./service.ts";

let updated = false;

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Finds a program, and where it is missing installs the Debian package that has it, if this user may.
 * @throws ServiceUnavailable when the program cannot be had; the message names the package.
 */
export async function findOrInstall(find: () => string | undefined, packageName: string): Promise<string> {
  const present = find();
  if (present !== undefined) return present;
  if (!isRoot() || Bun.which("apt-get") === null)
    throw new ServiceUnavailable(`install the Debian package ${packageName}, or run the tests as root to have it done`);
  await install(packageName);
  const installed = find();
  if (installed === undefined) throw new ServiceUnavailable(`the package ${packageName} lacks the expected program`);
  return installed;
}

/** Installs a Debian package without what it merely recommends. Root only. */
export async function install(packageName: string): Promise<void> {
  console.log(`installing the Debian package ${packageName}`);
  if (!updated) await aptGet(["update"]);
  updated = true;
  await aptGet(["install", "--yes", "--no-install-recommends", packageName]);
}

async function aptGet(args: readonly string[]): Promise<void> {
  const child = Bun.spawn(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [, complaint, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new ServiceUnavailable(`apt-get ${args.join(" ")} failed:\n${complaint.trimEnd()}`);
}
