import type { Snapshot } from "../snapshot/snapshot.ts";

export interface BannerInput {
  readonly url: string;
  readonly listening: string;
  readonly dataDir: string;
  /** Undefined for the embedded one. */
  readonly database: string | undefined;
  /** Only a key that was made here is shown; a configured one is known to whoever configured it. */
  readonly masterKey: string | undefined;
  readonly snapshot: Snapshot;
  readonly version: string;
}

/** What is printed when the port is open. The curl line works as printed. */
export function banner(input: BannerInput): string {
  const { snapshot } = input;
  const names = [
    ...snapshot.groups.keys(),
    ...snapshot.autoRouters.keys(),
    ...snapshot.wildcards.map((wildcard) => wildcard.pattern),
  ];
  const model = snapshot.groups.has("echo") ? "echo" : (names[0] ?? "echo");
  const key = input.masterKey ?? "$LITELLM_MASTER_KEY";
  const shown = names.slice(0, 12).join(", ");
  const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
  return `Isthmus ${input.version} listens on ${input.listening}

  URL         ${input.url}
  Models      ${names.length === 0 ? "none" : shown + more}
  Data        ${input.dataDir}${input.database === undefined ? "" : `, ${input.database}`}
  Master key  ${input.masterKey ?? "as configured"}

Try it:

  curl ${input.url}/v1/chat/completions -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '{"model": ${JSON.stringify(model)}, "messages": [{"role": "user", "content": "Hello, Isthmus!"}]}'

`;
}
