import { checkConfiguration } from "./check-configuration.ts";
import { checkEnvironment } from "./check-environment.ts";
import { checkMachine } from "./check-machine.ts";
import { checkPostgres } from "./check-postgres.ts";
import { checkProviders } from "./check-providers.ts";
import { checkPublicAddress } from "./check-public-address.ts";
import { checkRedis } from "./check-redis.ts";
import type { Examination, Finding } from "./finding.ts";

/** Looks at everything, at the same time. Findings come in the order of `AREAS`. */
export async function diagnose(examination: Examination): Promise<Finding[]> {
  const found = await Promise.all([
    checkConfiguration(examination),
    checkEnvironment(examination),
    checkPostgres(examination),
    checkRedis(examination),
    checkProviders(examination),
    checkPublicAddress(examination),
    checkMachine(examination),
  ]);
  return found.flat();
}
