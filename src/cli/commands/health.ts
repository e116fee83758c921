import { parseArgs } from "node:util";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";

/** Longer than a gateway that works needs, shorter than an orchestrator's own patience. */
const PATIENCE_MS = 2500;

/**
 * `isthmus health [--url URL]`: asks /health/readiness, for health checks in images that have no curl. Without a URL it
 * asks this machine, at `PORT` or 4000.
 */
export const health: SubCommand = {
  async run(args, environment) {
    const url = urlOf(args, environment);
    try {
      const response = await fetch(url, {
        signal: AbortSignal.timeout(PATIENCE_MS),
        // The certificate names the public host, not this address.
        ...(url.startsWith("https://127.") ? { tls: { rejectUnauthorized: false } } : {}),
      });
      console.log(`${response.status} ${(await response.text()).trim()}`);
      return response.ok ? 0 : 1;
    } catch (error) {
      console.error(`isthmus: ${url} does not answer: ${error instanceof Error ? error.message : String(error)}`);
      return 1;
    }
  },
};

function urlOf(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): string {
  let given: string | undefined;
  try {
    given = parseArgs({ args: [...args], options: { url: { type: "string" } } }).values.url;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const scheme = environment.SSL_CERTFILE_PATH ? "https" : "http";
  const base = given ?? `${scheme}://127.0.0.1:${environment.PORT || 4000}${environment.SERVER_ROOT_PATH ?? ""}`;
  if (!URL.canParse(base) || !base.startsWith("http")) throw new UsageError(`--url is an address, not '${base}'`);
  return `${base.replace(/\/+$/, "")}/health/readiness`;
}
