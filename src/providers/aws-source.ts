import type { ConfigureInput } from "./provider.ts";

/** A pair of AWS keys; temporary ones have a session token. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A text that is given, or that stands in a file which its owner renews while the process runs. */
export type AwsToken = { readonly text: string } | { readonly file: string };

/** Where AWS keys come from: plain data, so that it fits into a target's credentials. */
export type AwsSource =
  | { readonly type: "keys"; readonly keys: AwsKeys }
  | {
      readonly type: "role";
      readonly role: string;
      readonly session: string;
      readonly externalId?: string;
      /** Who assumes the role. */
      readonly by: AwsSource;
      readonly sts: string;
      readonly region: string;
    }
  | {
      readonly type: "web-identity";
      readonly role: string;
      readonly session: string;
      readonly token: AwsToken;
      readonly sts: string;
    }
  | { readonly type: "container"; readonly url: string; readonly token?: AwsToken }
  | { readonly type: "instance"; readonly base: string };

const readers = new Map<string, NonNullable<ConfigureInput["readFile"]>>();

/** A token file, with what can read it whenever keys are wanted. */
export function tokenFile(path: string, readFile: ConfigureInput["readFile"]): AwsToken {
  if (readFile !== undefined) readers.set(path, readFile);
  return { file: path };
}

/** The token as it is now; undefined when its file cannot be read. */
export function readToken(token: AwsToken): string | undefined {
  if ("text" in token) return token.text;
  const text = readers.get(token.file)?.(token.file)?.trim();
  return text === "" ? undefined : text;
}
