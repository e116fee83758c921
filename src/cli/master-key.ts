import { chmodSync, closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { hashKey } from "../auth/authenticator.ts";

/** SHA-256 of master keys that everybody knows from documentation and examples. */
const WELL_KNOWN = new Set(
  ["sk-1234", "sk-123", "sk-12345", "sk-123456", "sk-test", "sk-master", "sk-litellm", "sk-isthmus"].map(hashKey),
);

export interface MasterKeyInput {
  /** `general_settings.master_key` or `LITELLM_MASTER_KEY`; undefined when neither is set. */
  readonly configured: string | undefined;
  /** The switch of LiteLLM, by environment or configuration. */
  readonly permitWeak: boolean;
  /** Whether only this machine can reach the address. */
  readonly loopback: boolean;
  readonly dataDir: string;
}

export type MasterKeyDecision =
  | {
      readonly kind: "use";
      readonly key: string;
      readonly origin: "configured" | "generated";
      readonly warning?: string;
    }
  | { readonly kind: "refuse"; readonly reason: string };

/** Decides on the master key: the configured one, refused when publicly known, else one that is made once and kept. */
export function decideMasterKey(input: MasterKeyInput): MasterKeyDecision {
  const key = input.configured?.trim();
  if (key === undefined || key === "") return { kind: "use", key: keptKey(input.dataDir), origin: "generated" };
  if (!WELL_KNOWN.has(hashKey(key))) return { kind: "use", key, origin: "configured" };
  if (input.permitWeak || input.loopback) {
    return {
      kind: "use",
      key,
      origin: "configured",
      warning: "the master key is publicly known; anybody who reaches this address can use it",
    };
  }
  return {
    kind: "refuse",
    reason:
      "isthmus refused to start: the master key is a publicly known default.\n" +
      "Set LITELLM_MASTER_KEY to a key of your own (for instance: echo sk-$(openssl rand -hex 24)), or leave it unset and one is made and kept in the data folder.\n" +
      "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true starts with it all the same.",
  };
}

/** The key in the data folder, made by whichever process comes first. */
function keptKey(dataDir: string): string {
  const path = join(dataDir, "master-key");
  const known = readKey(path);
  if (known !== undefined) return known;
  const key = `sk-${Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("hex")}`;
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, `${key}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    // A link fails when another process was first, and is never half-written.
    linkSync(draft, path);
    chmodSync(path, 0o600);
    return key;
  } catch (error) {
    const other = readKey(path);
    if (other !== undefined) return other;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readKey(path: string): string | undefined {
  try {
    const key = readFileSync(path, "utf8").trim();
    return key === "" ? undefined : key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether an address is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || host.startsWith("127.");
}
