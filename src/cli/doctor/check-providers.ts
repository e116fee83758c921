import { compileSnapshot, defaultSnapshot } from "../../config/compile.ts";
import { ConfigError } from "../../config/diagnostics.ts";
import { loadConfig } from "../../config/load.ts";
import { httpCarrier } from "../../http-client/http-client.ts";
import { findProvider } from "../../providers/registry.ts";
import type { Deployment, Snapshot } from "../../snapshot/snapshot.ts";
import { DeadlineWheel } from "../../upstream/deadline-wheel.ts";
import { Transport } from "../../upstream/transport.ts";
import { type Examination, type Finding, findingsOf } from "./finding.ts";
import { probeDeployment } from "./probe-deployment.ts";

const { ok, warning, problem, skipped } = findingsOf("providers");

/** Calls at a time. */
const AT_ONCE = 8;

/** Each provider's key, once, by the cheapest call: a conversation of a few tokens with one of its models. */
export async function checkProviders(examination: Examination): Promise<Finding[]> {
  const snapshot = snapshotOf(examination);
  if (snapshot === undefined) return [skipped("providers", "the configuration cannot be read")];
  const chosen = onePerKey(snapshot);
  if (chosen.length === 0)
    return [warning("no_deployment", "no model can be called", { fix: "name one in model_list" })];
  if (examination.offline) {
    return [skipped("providers", `--offline: the keys of ${chosen.length} providers were not tried`)];
  }
  const gateway = {
    transport: new Transport(httpCarrier(examination.environment)),
    deadlines: new DeadlineWheel(),
  };
  const findings: Finding[] = [];
  for (let from = 0; from < chosen.length; from += AT_ONCE) {
    const some = chosen.slice(from, from + AT_ONCE);
    findings.push(
      ...(await Promise.all(
        some.map(async (deployment) => {
          const signal = AbortSignal.timeout(examination.patienceMs);
          return findingFor(deployment, await probeDeployment(gateway, deployment, signal));
        }),
      )),
    );
  }
  return findings;
}

function snapshotOf({ config, environment }: Examination): Snapshot | undefined {
  try {
    return config === undefined ? defaultSnapshot(environment) : compileSnapshot(loadConfig(config), { environment });
  } catch (error) {
    if (error instanceof ConfigError) return undefined; // told by the look at the configuration
    throw error;
  }
}

/** One deployment for each provider, address and credential, a plain model where there is one. */
function onePerKey(snapshot: Snapshot): Deployment[] {
  const chosen = new Map<string, Deployment>();
  for (const deployment of snapshot.deploymentsById.values()) {
    const { target, provider, upstreamModel } = deployment;
    const key = JSON.stringify([provider, target.base, target.headers, target.credentials]);
    const other = chosen.get(key);
    if (other === undefined || (other.upstreamModel.includes("*") && !upstreamModel.includes("*"))) {
      chosen.set(key, deployment);
    }
  }
  return [...chosen.values()];
}

function findingFor(deployment: Deployment, outcome: Awaited<ReturnType<typeof probeDeployment>>): Finding {
  const label = findProvider(deployment.provider)?.label ?? deployment.provider;
  const { file, line } = deployment.source;
  const place = `${deployment.modelName} (${deployment.litellmModel}, ${file}:${line})`;
  if (outcome.healthy) return ok("provider", `${label} answers for ${place}`);
  const { error } = outcome;
  if (error.startsWith("a wildcard deployment")) {
    return skipped(
      "provider_wildcard",
      `${label}: ${place} is a pattern; name a model in model_info.health_check_model`,
    );
  }
  if (/^40[13]\b/.test(error)) {
    return problem("provider_key", `${label} refuses the key of ${place}: ${error}`, {
      why: "every call of its models fails",
      fix: `correct the api_key at ${file}:${line}, or the variable that it names`,
    });
  }
  return problem("provider", `${label} does not answer for ${place}: ${error}`, {
    why: "calls of the model fail",
    fix: `look at ${file}:${line} and at the provider's status page`,
  });
}
