import { parseArgs } from "node:util";
import { checkConfig, renderDiagnostics } from "../../config/check.ts";
import { loadConfig } from "../../config/load.ts";
import { type Change, planChanges } from "../../config/plan/plan-changes.ts";
import { renderPlan } from "../../config/plan/render-plan.ts";
import { asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import { shownConfiguration } from "../../management/configuration/shown-configuration.ts";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const PATIENCE_MS = 10_000;
const CHANGES = 2;

/**
 * `isthmus plan a.yml`: what would change if a.yml took the place of what runs, asked of the gateway at `--url` with an
 * administrator's key, or of a file with `--against b.yml`. Exit status 0 when nothing changes, 2 when something does, 1
 * when a.yml would be refused.
 */
export const plan: SubCommand = {
  async run(args, environment) {
    const { file, against, url, key, json } = parse(args, environment);
    const check = checkConfig(file, environment);
    const wrong = check.diagnostics.filter(({ severity }) => severity === "error");
    if (wrong.length > 0) console.error(renderDiagnostics(wrong));
    if (check.summary.endsWith(": refused")) {
      console.log(check.summary);
      return 1;
    }
    const document = loadConfig(file);
    const running = against === undefined ? await runningAt(url, key) : fromFile(against);
    const changes = planChanges(running.document, shownConfiguration(document.value));
    if (json) {
      console.log(JSON.stringify({ against: running.name, changes }, undefined, 2));
    } else {
      console.log(`${file} in place of ${running.name}:`);
      console.log(renderPlan(changes, (path) => document.locate(path)));
    }
    return statusOf(changes);
  },
};

interface Running {
  readonly name: string;
  readonly document: JsonObject;
}

function statusOf(changes: readonly Change[]): number {
  return changes.length === 0 ? 0 : CHANGES;
}

function parse(args: readonly string[], environment: Environment) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        against: { type: "string" },
        url: { type: "string" },
        key: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new Error("plan takes one file: isthmus plan config.yml");
    const base = `http://127.0.0.1:${environment.PORT || 4000}${environment.SERVER_ROOT_PATH ?? ""}`;
    return {
      file,
      against: values.against,
      url: (values.url ?? base).replace(/\/+$/, ""),
      key: values.key ?? environment.LITELLM_MASTER_KEY ?? environment.ISTHMUS_MASTER_KEY,
      json: values.json,
    };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function fromFile(file: string): Running {
  return { name: file, document: shownConfiguration(loadConfig(file).value) };
}

async function runningAt(url: string, key: string | undefined): Promise<Running> {
  if (key === undefined) {
    throw new UsageError("plan asks the running gateway with an administrator's key: --key or LITELLM_MASTER_KEY");
  }
  let response: Response;
  try {
    response = await fetch(`${url}/config/yaml?format=json`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new UsageError(`${url} does not answer: ${error instanceof Error ? error.message : String(error)}`);
  }
  const text = await response.text();
  const body = parseJson(text);
  const document = isObject(body) ? asObject(body.document) : undefined;
  if (!response.ok || document === undefined) {
    const message = isObject(body) ? asString(asObject(body.error)?.message) : undefined;
    throw new UsageError(`${url} answered ${response.status}: ${message ?? text.slice(0, 200)}`);
  }
  const version = isObject(body) ? asString(body.version) : undefined;
  return { name: `what runs at ${url}${version === undefined ? "" : ` (version ${version})`}`, document };
}
