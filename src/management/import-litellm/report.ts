/** How many objects of one kind are named in each list of a report. */
const NAMED = 50;

export interface Remark {
  readonly name: string;
  readonly text: string;
}

/** What became of the objects of one kind. */
export interface KindReport {
  readonly kind: string;
  /** Objects that are not here yet: taken, or to be taken. */
  readonly new: number;
  /** Objects that are here already and are the same. */
  readonly same: number;
  /** Objects that are here already and are not the same: they stay as they are here. */
  readonly differs: number;
  readonly skipped: number;
  /** Nano-dollars that the new ones had spent. */
  readonly spendNano: bigint;
  /** The first objects that differ, and in what; those that are skipped, and why; and what does not come along. */
  readonly remarks: {
    readonly differs: readonly Remark[];
    readonly skipped: readonly Remark[];
    readonly notes: readonly Remark[];
  };
  /** Remarks beyond those that are listed. */
  readonly more: number;
}

export interface ImportReport {
  readonly kinds: readonly KindReport[];
  /** Tables of LiteLLM with rows of which nothing is taken. */
  readonly leftOut: readonly { readonly table: string; readonly rows: number; readonly reason: string }[];
  /** Secrets that the old salt key did not open, with `skipUnreadable`: the objects were left. */
  readonly unreadable: readonly string[];
}

/** Counts while an import runs. */
export class KindTally {
  readonly #kind: string;
  readonly #counts = { new: 0, same: 0, differs: 0, skipped: 0 };
  readonly #remarks = { differs: [] as Remark[], skipped: [] as Remark[], notes: [] as Remark[] };
  #more = 0;
  #spend = 0n;

  constructor(kind: string) {
    this.#kind = kind;
  }

  count(what: "new" | "same"): void {
    this.#counts[what] += 1;
  }

  leave(what: "differs" | "skipped", name: string, text: string): void {
    this.#counts[what] += 1;
    this.#remark(what, name, text);
  }

  note(name: string, text: string): void {
    this.#remark("notes", name, text);
  }

  spent(nano: bigint): void {
    this.#spend += nano;
  }

  report(): KindReport {
    return { kind: this.#kind, ...this.#counts, spendNano: this.#spend, remarks: this.#remarks, more: this.#more };
  }

  #remark(list: keyof KindReport["remarks"], name: string, text: string): void {
    if (this.#remarks[list].length < NAMED) this.#remarks[list].push({ name, text });
    else this.#more += 1;
  }
}
