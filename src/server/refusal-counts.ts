/** Why requests were refused before a key was identified: counted by reason, never recorded one by one. */
export class RefusalCounts {
  readonly #counts = new Map<RefusalReason, number>();

  add(reason: RefusalReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** Reason → number since the process began. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

export type RefusalReason =
  | "no_key"
  | "invalid_key"
  | "not_found"
  | "method_not_allowed"
  | "forbidden"
  | "request_too_large"
  | "body_broken";
