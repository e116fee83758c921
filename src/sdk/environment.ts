/** The platform's environment variables; none where it has no such thing. */
export function platformEnvironment(): Readonly<Record<string, string | undefined>> {
  const platform = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return platform.process?.env ?? {};
}
