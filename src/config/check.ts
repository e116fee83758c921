import type { Diagnostic } from "../snapshot/snapshot.ts";
import { compileSnapshot } from "./compile.ts";
import { ConfigError, loadConfig } from "./load.ts";
import type { Environment } from "./references.ts";

export interface CheckResult {
  readonly diagnostics: readonly Diagnostic[];
  /** 1 when something is wrong: an error, or a key that nobody knows. */
  readonly exitCode: 0 | 1;
  readonly summary: string;
}

/** Checks a configuration without starting anything. */
export function checkConfig(path: string, environment: Environment): CheckResult {
  try {
    const snapshot = compileSnapshot(loadConfig(path), { environment });
    const wrong = snapshot.diagnostics.filter((one) => one.severity === "error" || one.code === "unknown_key").length;
    const deployments = snapshot.deploymentsById.size;
    const models = snapshot.groups.size + snapshot.wildcards.length;
    return {
      diagnostics: snapshot.diagnostics,
      exitCode: wrong === 0 ? 0 : 1,
      summary: `${path}: ${wrong === 0 ? "OK" : `${wrong} ${wrong === 1 ? "problem" : "problems"}`} (${deployments} deployments of ${models} models in ${snapshot.files.length} files)`,
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { diagnostics: error.diagnostics, exitCode: 1, summary: `${path}: refused` };
  }
}

/** One line per diagnostic: `file:line:column: severity: message (did you mean …?)`. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .map((one) => {
      const place =
        one.location === undefined ? "" : `${one.location.file}:${one.location.line}:${one.location.column}: `;
      return `${place}${one.severity}: ${one.message}${one.suggestion === undefined ? "" : ` (did you mean ${one.suggestion}?)`}`;
    })
    .join("\n");
}
