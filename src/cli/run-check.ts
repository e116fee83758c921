import { checkConfig, renderDiagnostics } from "../config/check.ts";

/** `isthmus check FILE`: offline. Returns the exit status. */
export function runCheck(file: string): number {
  const { diagnostics, exitCode, summary } = checkConfig(file, process.env);
  if (diagnostics.length > 0) console.error(renderDiagnostics(diagnostics));
  console.log(summary);
  return exitCode;
}
