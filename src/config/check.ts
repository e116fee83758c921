import type { Diagnostic } from "../snapshot/snapshot.ts";
import { compileSnapshot } from "./compile.ts";
import { ConfigError, diagnosticLine } from "./diagnostics.ts";
import { loadConfig } from "./load.ts";
import type { Environment } from "./references.ts";
import { assumedEnvironment } from "./secrets/secret-environment.ts";
import { excerptOf } from "./source-excerpt.ts";
import { type ReadFile, readUtf8 } from "./yaml-file.ts";

/** A diagnostic with the line that it is about. */
export interface CheckedDiagnostic extends Diagnostic {
  /** The line, and below it a caret; values that may be secret are blotted out. */
  readonly excerpt?: string;
}

export interface CheckResult {
  readonly diagnostics: readonly CheckedDiagnostic[];
  /** 1 when something is wrong: an error, or a key that nobody knows. */
  readonly exitCode: 0 | 1;
  /** One line: the file, whether it is right, and what it holds. */
  readonly summary: string;
}

/** Checks a configuration without starting anything. */
export function checkConfig(path: string, environment: Environment): CheckResult {
  const texts = new Map<string, string>();
  const readFile: ReadFile = (file) => {
    const text = readUtf8(file);
    texts.set(file, text);
    return text;
  };
  const withExcerpts = (found: readonly Diagnostic[]): CheckedDiagnostic[] =>
    found.map((one) => {
      const excerpt = one.location === undefined ? undefined : excerptOf(texts.get(one.location.file), one.location);
      return excerpt === undefined ? one : { ...one, excerpt };
    });
  try {
    const document = loadConfig(path, { readFile });
    const snapshot = compileSnapshot(document, { environment: assumedEnvironment(document, environment) });
    const wrong = snapshot.diagnostics.filter(isWrong).length;
    const models = snapshot.groups.size + snapshot.wildcards.length;
    const verdict = wrong === 0 ? "OK" : counted(wrong, "problem");
    const holds = `${counted(snapshot.deploymentsById.size, "deployment")} of ${counted(models, "model")} in ${counted(snapshot.files.length, "file")}`;
    return {
      diagnostics: withExcerpts(snapshot.diagnostics),
      exitCode: wrong === 0 ? 0 : 1,
      summary: `${path}: ${verdict} (${holds})`,
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { diagnostics: withExcerpts(error.diagnostics), exitCode: 1, summary: `${path}: refused` };
  }
}

/** `file:line:column: severity: message (did you mean …?)` for each, with the source line below where it is known. */
export function renderDiagnostics(diagnostics: readonly CheckedDiagnostic[]): string {
  return diagnostics
    .map((one) => (one.excerpt === undefined ? diagnosticLine(one) : `${diagnosticLine(one)}\n${one.excerpt}`))
    .join("\n");
}

function isWrong({ severity, code }: Diagnostic): boolean {
  return severity === "error" || code === "unknown_key";
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
