import type { Deployment } from "../snapshot/snapshot.ts";

/** Shorter values stand in too many other words, and are no secrets that anybody keeps. */
const SHORTEST = 8;
const SECRET_NAME = /(?:authorization|key|token|secret|password|credential|cookie)/i;
const SCHEME = /^(?:bearer|basic|token|apikey)\s+/i;

const known = new WeakMap<Deployment, readonly string[]>();

/** What a deployment's calls carry that its callers must not see. */
export function secretsOf(deployment: Deployment): readonly string[] {
  let secrets = known.get(deployment);
  if (secrets === undefined) {
    const { target, settings } = deployment;
    const values: string[] = [];
    for (const headers of [target.headers, settings.extraHeaders]) {
      for (const [name, value] of Object.entries(headers)) {
        if (SECRET_NAME.test(name)) values.push(value.replace(SCHEME, ""));
      }
    }
    for (const [name, value] of Object.entries(target.credentials)) if (SECRET_NAME.test(name)) values.push(value);
    secrets = [...new Set(values)].filter((value) => value.length >= SHORTEST);
    known.set(deployment, secrets);
  }
  return secrets;
}

/** A text of the provider's without the credential that it was called with: some say it again in their errors. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (clean.length >= secret.length && clean.includes(secret)) clean = clean.replaceAll(secret, "[credential]");
  }
  return clean;
}
