import { checkConfig } from "../../config/check.ts";
import { diagnosticLine } from "../../config/diagnostics.ts";
import type { Diagnostic } from "../../snapshot/snapshot.ts";
import { type Examination, type Finding, findingsOf } from "./finding.ts";

const { ok, warning, problem } = findingsOf("configuration");

/** What each kind of diagnostic leads to, for those whose message does not say it. */
const WHY: Readonly<Record<string, string>> = {
  unknown_key: "a key that nobody reads has no effect; what it was meant to set is not set",
  missing_environment_variable: "what it stands for is empty, so calls that need it are refused by their provider",
  deployment_skipped: "the model cannot be called",
};

/** The configuration, as `isthmus check` sees it: with files, lines and columns. */
export function checkConfiguration({ config, environment }: Examination): Finding[] {
  if (config === undefined) {
    return [
      ok("no_configuration", "no configuration is named: models come from the providers' keys in the environment"),
    ];
  }
  const { diagnostics, summary } = checkConfig(config, environment);
  if (diagnostics.length === 0) return [ok("configuration", summary)];
  return diagnostics.map(asFinding).concat(diagnostics.some(isProblem) ? [] : [ok("configuration", summary)]);
}

function asFinding(diagnostic: Diagnostic): Finding {
  const make = isProblem(diagnostic) ? problem : warning;
  const why = WHY[diagnostic.code];
  const { location } = diagnostic;
  return make(diagnostic.code, diagnosticLine(diagnostic).replace(/: (error|warning|info): /, ": "), {
    ...(why === undefined ? {} : { why }),
    ...(location === undefined
      ? {}
      : { fix: `edit ${location.file}, line ${location.line}; then: isthmus check ${location.file}` }),
  });
}

/** A variable that is not set stops nothing, but it is never meant. */
function isProblem({ severity, code }: Diagnostic): boolean {
  return severity === "error" || code === "unknown_key" || code === "missing_environment_variable";
}
