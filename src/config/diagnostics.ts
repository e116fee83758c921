import type { Diagnostic, SourceLocation } from "../snapshot/snapshot.ts";

/** The way to a value in a configuration: names of members and indexes of items. */
export type Path = readonly (string | number)[];

/** A configuration that cannot be used at all; nothing of it is in force. Carries everything that was found. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(
      diagnostics
        .filter((one) => one.severity === "error")
        .map(diagnosticLine)
        .join("\n"),
    );
    this.diagnostics = diagnostics;
  }
}

/** `file:line:column: severity: message (did you mean …?)`; the place is left out where there is none. */
export function diagnosticLine(diagnostic: Diagnostic): string {
  const { location, suggestion } = diagnostic;
  const place = location === undefined ? "" : `${location.file}:${location.line}:${location.column}: `;
  const hint = suggestion === undefined ? "" : ` (did you mean ${suggestion}?)`;
  return `${place}${diagnostic.severity}: ${diagnostic.message}${hint}`;
}

/** A diagnostic that refuses the file. */
export function refusal(code: string, message: string, location: SourceLocation, suggestion?: string): Diagnostic {
  return { severity: "error", code, message, location, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** `model_list[3].litellm_params.model`. */
export function pathText(path: Path): string {
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");
}
