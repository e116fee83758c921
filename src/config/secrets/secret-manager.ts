/** A place outside where secrets are kept under names. */
export interface SecretManager {
  /** As messages call it. */
  readonly label: string;
  /** The secret, or undefined when there is none of that name. Throws SecretUnavailable when nobody can tell. */
  read(name: string): Promise<string | undefined>;
}

/** A manager that refused or did not answer. The message is one sentence and holds no secret. */
export class SecretUnavailable extends Error {
  override readonly name = "SecretUnavailable";
}

/** What an answer that is no secret says: at most 200 characters of it. */
export async function refusalOf(label: string, response: Response): Promise<SecretUnavailable> {
  const text = (await response.text()).replace(/\s+/g, " ").trim().slice(0, 200);
  return new SecretUnavailable(`${label} answered with status ${response.status}${text === "" ? "" : `: ${text}`}`);
}
