import { parse } from "yaml";

/** Names of variables and members whose values nobody may see. */
const SECRET_NAME = /(?:key|secret|token|password|passwd|credential|authorization|auth)s?$/i;
/** Shorter values stand in too many other words. */
const SHORTEST = 8;
/** Well-known stand-ins that programs print on purpose. */
const PUBLIC = new Set(["anything", "password", "sk-1234", "postgres"]);

/** The secrets that a gateway was given: its key, its environment's, its configuration's. */
export function secretsGiven(given: {
  readonly key: string;
  readonly env: Readonly<Record<string, string>>;
  readonly config: string | undefined;
}): readonly string[] {
  const found = new Set<string>([given.key]);
  for (const [name, value] of Object.entries(given.env)) {
    if (SECRET_NAME.test(name)) found.add(value);
    const password = passwordOf(value);
    if (password !== undefined) found.add(password);
  }
  if (given.config !== undefined) collect(readable(given.config), "", found);
  return [...found].filter((value) => value.length >= SHORTEST && !PUBLIC.has(value));
}

function collect(value: unknown, name: string, found: Set<string>): void {
  if (typeof value === "string") {
    if (SECRET_NAME.test(name) && !value.startsWith("os.environ/")) found.add(value);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) collect(member, Array.isArray(value) ? name : key, found);
}

function passwordOf(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { password } = new URL(value);
  return password === "" ? undefined : decodeURIComponent(password);
}

function readable(config: string): unknown {
  try {
    return parse(config);
  } catch {
    return undefined; // Broken on purpose.
  }
}

/** Throws when something that was written holds a secret; says where, and not the secret. */
export function requireNoSecrets(written: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    const at = written.indexOf(secret);
    if (at < 0) continue;
    const line = written.slice(written.lastIndexOf("\n", at) + 1, at);
    throw new Error(`the gateway wrote a secret of ${secret.length} characters behind: ${line.slice(-200)}`);
  }
}
