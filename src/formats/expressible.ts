import type { ConversationRequest, FormatId } from "./conversation.ts";
import type { ParameterReport } from "./report.ts";
import { eachWord, parameterOf, type Word, type WordVisitor } from "./words.ts";

/** Whether a format can say a word of the conversation. */
export type Expression =
  /** It can, without loss. */
  | { readonly says: "all" }
  /**
   * Not with every value, model or place; `how` says so. The encoder itself reports what is lost, under one of the names
   * in `as`, which are the word's own parameter unless given. A form of the same meaning needs no report.
   */
  | { readonly says: "part"; readonly how: string; readonly as?: readonly string[] }
  /** Always in another form that means the same; the table reports it as converted. */
  | { readonly says: "otherwise"; readonly how: string }
  /** The format has no word for it because it is always so. */
  | { readonly says: "implied"; readonly how: string }
  /** Not at all; the table reports it. `refuses`: a caller that did not allow dropping is refused. */
  | { readonly says: "nothing"; readonly reason: string; readonly refuses: boolean };

/** What a format can say, for every word there is. */
export type Expressible = Readonly<Record<Word, Expression>>;

export const all: Expression = { says: "all" };

export function part(how: string, ...as: string[]): Expression {
  return as.length === 0 ? { says: "part", how } : { says: "part", how, as };
}

export function implied(how: string): Expression {
  return { says: "implied", how };
}

export function converted(how: string): Expression {
  return { says: "otherwise", how };
}

/** Left out and reported: a hint, a mark, or something that no answer depends on. */
export function dropped(reason: string): Expression {
  return { says: "nothing", reason, refuses: false };
}

/** Left out and reported as unsupported: the answer would be another without it. */
export function refused(reason: string): Expression {
  return { says: "nothing", reason, refuses: true };
}

/** Puts everything that `table` cannot say and the request says into the report, each word once. */
export function reportInexpressible(
  request: ConversationRequest,
  format: FormatId,
  table: Expressible,
  report: ParameterReport,
): void {
  eachWord(request, new Losses(format, table, report));
}

class Losses implements WordVisitor {
  readonly #format: FormatId;
  readonly #table: Expressible;
  readonly #report: ParameterReport;
  #seen: Set<string> | undefined;

  constructor(format: FormatId, table: Expressible, report: ParameterReport) {
    this.#format = format;
    this.#table = table;
    this.#report = report;
  }

  word(word: Word): void {
    const expression = this.#table[word];
    if (expression.says !== "nothing" && expression.says !== "otherwise") return;
    const parameter = parameterOf(word);
    if (!this.#first(parameter)) return;
    if (expression.says === "otherwise") this.#report.converted(parameter, expression.how);
    else if (expression.refuses) this.#report.unsupported(parameter, expression.reason);
    else this.#report.dropped(parameter, expression.reason);
  }

  native(format: string, names: readonly string[]): void {
    if (format === this.#format) return;
    for (const name of names) {
      // Whole blocks and tools are the encoder's to judge: some are shared between formats.
      if (name === "messages" || name === "tools" || !this.#first(name)) continue;
      this.#report.dropped(name, `only ${format} knows it`);
    }
  }

  #first(parameter: string): boolean {
    this.#seen ??= new Set();
    if (this.#seen.has(parameter)) return false;
    this.#seen.add(parameter);
    return true;
  }
}
