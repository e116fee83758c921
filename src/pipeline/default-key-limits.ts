import type { Scope } from "../admission/scope.ts";
import type { Grant } from "../auth/grant.ts";
import type { Deployment } from "../snapshot/snapshot.ts";

interface KeyLimits {
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
}

/** The smallest limits of a group's deployments; undefined where none has any. */
const limits = new WeakMap<readonly Deployment[], KeyLimits | undefined>();

/**
 * `default_api_key_rpm_limit` and `default_api_key_tpm_limit` of a model: what each key may use of it per minute where
 * neither the key nor its team has limits for that model.
 */
export function defaultKeyScope(
  deployments: readonly Deployment[],
  grant: Grant | undefined,
  keyHash: string,
  model: string,
): Scope | undefined {
  const found = limitsOf(deployments);
  if (found === undefined || grant === undefined) return undefined;
  const { perModel, teamPerModel } = grant;
  const rpm = (perModel?.rpm[model] ?? teamPerModel?.rpm[model]) === undefined ? found.rpm : undefined;
  const tpm = (perModel?.tpm[model] ?? teamPerModel?.tpm[model]) === undefined ? found.tpm : undefined;
  if (rpm === undefined && tpm === undefined) return undefined;
  return {
    id: `key-model-default:${keyHash}:${model}`,
    descriptor: "model_per_key",
    value: `${keyHash}:${model}`,
    source: { dimension: "none" },
    offset: 0n,
    limits: { ...(rpm === undefined ? {} : { rpm }), ...(tpm === undefined ? {} : { tpm }) },
    refusesWhen: "at",
    exceeded: () => "",
  };
}

function limitsOf(deployments: readonly Deployment[]): KeyLimits | undefined {
  if (limits.has(deployments)) return limits.get(deployments);
  const rpm = least(deployments.map(({ settings }) => settings.defaultKeyRpm));
  const tpm = least(deployments.map(({ settings }) => settings.defaultKeyTpm));
  const found = rpm === undefined && tpm === undefined ? undefined : { rpm, tpm };
  limits.set(deployments, found);
  return found;
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const numbers = values.filter((value) => value !== undefined);
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}
