import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";
import { diagnose } from "../doctor/diagnose.ts";
import type { Examination } from "../doctor/finding.ts";
import { exitStatus, findingsAsJson, renderFindings } from "../doctor/render-findings.ts";

type Environment = Examination["environment"];

const PATIENCE_SECONDS = 10;

/**
 * `isthmus doctor`: looks at configuration, environment, PostgreSQL, Redis, providers, DNS, TLS, Traefik and the
 * machine, and says what is wrong, why it matters and how to mend it. Exit status 1 when something does not work.
 */
export const doctor: SubCommand = {
  async run(args, environment) {
    const { examination, json } = read(args, environment);
    const findings = await diagnose(examination);
    console.log(json ? findingsAsJson(findings) : renderFindings(findings));
    return exitStatus(findings);
  },
};

function read(args: readonly string[], environment: Environment): { examination: Examination; json: boolean } {
  let values: ReturnType<typeof parse>["values"];
  try {
    values = parse(args).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const seconds = Number(values.timeout ?? PATIENCE_SECONDS);
  if (!(seconds > 0 && seconds <= 600)) throw new UsageError("--timeout is a number of seconds from 1 to 600");
  return {
    json: values.json === true,
    examination: {
      environment,
      config: values.config ?? (environment.CONFIG_FILE_PATH || undefined),
      dataDir: resolve(values["data-dir"] ?? (environment.ISTHMUS_DATA_DIR || ".isthmus")),
      offline: values.offline === true,
      publicUrl: publicUrl(values["public-url"], environment),
      patienceMs: seconds * 1000,
    },
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      config: { type: "string", short: "c" },
      "data-dir": { type: "string" },
      "public-url": { type: "string" },
      offline: { type: "boolean" },
      json: { type: "boolean" },
      timeout: { type: "string" },
    },
  });
}

/** The address that clients use: as given, or that of the compose file's router. */
function publicUrl(given: string | undefined, environment: Environment): URL | undefined {
  if (given !== undefined) {
    if (!URL.canParse(given) || !given.startsWith("https://")) {
      throw new UsageError(`--public-url is an https address, not '${given}'`);
    }
    return new URL(given);
  }
  const domain = environment.BASE_DOMAIN ?? "";
  const address = `https://isthmus.${domain}`;
  return domain !== "" && URL.canParse(address) ? new URL(address) : undefined;
}
