/** What became of a parameter that could not go upstream as it was. */
export interface ParameterChange {
  /** OpenAI's spelling where it has one (`frequency_penalty`, `tools[2].strict`), else the client's own. */
  readonly parameter: string;
  readonly action: "dropped" | "renamed" | "clamped" | "converted";
  /** A short literal sentence: which rule of which provider. */
  readonly reason: string;
  /** The new name or value, as text. */
  readonly to?: string;
  /**
   * True when the target has no way to express a parameter that the caller set. Without `drop_params`, a Chat
   * Completions request with such a change is refused with UnsupportedParamsError.
   */
  readonly unsupported?: boolean;
}

/** Collects the changes of one request. Shown in the `x-isthmus-parameters` header and in the log. */
export class ParameterReport {
  readonly changes: ParameterChange[] = [];

  /** The target cannot express it; the caller loses it. */
  unsupported(parameter: string, reason: string): void {
    this.changes.push({ parameter, action: "dropped", reason, unsupported: true });
  }

  /** Left out by configuration, or because it belongs to somebody else (a foreign sealed value). */
  dropped(parameter: string, reason: string): void {
    this.changes.push({ parameter, action: "dropped", reason });
  }

  renamed(parameter: string, to: string, reason: string): void {
    this.changes.push({ parameter, action: "renamed", reason, to });
  }

  clamped(parameter: string, to: string | number, reason: string): void {
    this.changes.push({ parameter, action: "clamped", reason, to: String(to) });
  }

  /** The meaning is kept in another form (a system message moved to a field, an image fetched …). */
  converted(parameter: string, reason: string): void {
    this.changes.push({ parameter, action: "converted", reason });
  }
}
