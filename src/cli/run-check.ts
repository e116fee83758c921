import { checkConfig, renderDiagnostics } from "../config/check.ts";

/** `isthmus check FILE`: offline. Returns the exit status. */
export async function runCheck(file: string): Promise<number> {
  const { diagnostics, exitCode, summary } = await checkConfig(file, process.env);
  if (diagnostics.length > 0) console.error(renderDiagnostics(diagnostics));
  console.log(summary);
  return exitCode;
}
