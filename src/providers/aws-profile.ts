import { readEnvironment } from "./credentials.ts";
import type { ConfigureInput } from "./provider.ts";

/** The settings of one profile, from both files together. */
export type AwsProfile = Readonly<Record<string, string>>;

/**
 * A profile of the shared files `~/.aws/credentials` and `~/.aws/config`; undefined when neither has it.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html (2026-11-24)
 */
export function readAwsProfile(name: string, input: ConfigureInput): AwsProfile | undefined {
  const home = readEnvironment(input.environment, ["HOME", "USERPROFILE"]) ?? "";
  const file = (variable: string, usual: string): Map<string, Record<string, string>> => {
    const path = readEnvironment(input.environment, [variable]) ?? `${home}/.aws/${usual}`;
    return parseSections(input.readFile?.(path) ?? "");
  };
  const config = file("AWS_CONFIG_FILE", "config");
  const inConfig = config.get(`profile ${name}`) ?? (name === "default" ? config.get("default") : undefined);
  const inCredentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials").get(name);
  if (inConfig === undefined && inCredentials === undefined) return undefined;
  return { ...inConfig, ...inCredentials };
}

function parseSections(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header !== null) {
      const name = (header[1] as string).replace(/\s+/g, " ");
      section = sections.get(name) ?? {};
      sections.set(name, section);
      continue;
    }
    // An indented line belongs to the nested setting above it, of which none matters here.
    const setting = /^([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (setting !== null) section[(setting[1] as string).toLowerCase()] = setting[2] as string;
  }
  return sections;
}
