import { readFileSync, statSync } from "node:fs";
import type { Environment } from "../references.ts";

const SUFFIX = "_FILE";
/** A secret is short; what is longer is something else. */
const LONGEST_BYTES = 64 * 1024;

/** Variables that name files for programs that read them themselves. */
const READ_BY_OTHERS = /^(?:AWS_|SSL_|NODE_|PG|OTEL_|LITELLM_LOG_FILE$|.*_TOKEN_FILE$|.*_CERT_FILE$|.*_KEYRING_FILE$)/;

/** Names that are the gateway's, or a credential's: a file of theirs that cannot be read is worth a word. */
const OURS = /^(?:ISTHMUS|LITELLM|DATABASE|POSTGRES|REDIS|UI)_|(?:KEY|PASSWORD|SECRET)$/;

export interface SecretFiles {
  /** What the files hold, by the variable's name without `_FILE`. */
  readonly values: Readonly<Record<string, string>>;
  /** A sentence for each file of the gateway's own variables, or of a key, that cannot be read. */
  readonly problems: readonly string[];
}

/**
 * Container platforms hand secrets over as files: `LITELLM_MASTER_KEY_FILE=/run/secrets/key` stands for
 * `LITELLM_MASTER_KEY` with what the file holds, without the line break at its end. A variable that is set itself wins.
 */
export function secretFiles(environment: Environment): SecretFiles {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const [variable, path] of Object.entries(environment)) {
    if (!variable.endsWith(SUFFIX) || path === undefined || path === "" || READ_BY_OTHERS.test(variable)) continue;
    const name = variable.slice(0, -SUFFIX.length);
    if (name === "" || (environment[name] ?? "") !== "") continue;
    const told = OURS.test(name) ? problems : [];
    try {
      const { size } = statSync(path);
      if (size > LONGEST_BYTES) told.push(`${variable} names a file of ${size} bytes, which is no secret`);
      else values[name] = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    } catch (error) {
      told.push(`${variable} names ${path}, which cannot be read: ${(error as { code?: string }).code ?? error}`);
    }
  }
  return { values, problems };
}
