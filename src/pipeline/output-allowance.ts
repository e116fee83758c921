import type { Extension } from "../admission/scope.ts";
import type { Usage } from "../usage/usage.ts";
import { affordable, type CallBounds, dearest, type Reserved } from "./bounds.ts";
import { COUNT_MARGIN } from "./token-count.ts";

/** What of a stream an allowance looks at. */
export interface WrittenOutput {
  /** The most bytes of UTF-8 that the model's text so far can have; a token is at least one. */
  readonly textBytes: number;
  readonly textLength: number;
}

export interface OutputAllowanceOptions {
  readonly reserved: Reserved;
  /** Holds so many nano-dollars more, or says how many it could. */
  readonly extend: (more: bigint) => Extension | Promise<Extension>;
  /** Whether what the client gets is recorded from the first piece on; else from the first extension on. */
  readonly record: boolean;
  /** Tokens of the model's text in what was sent. */
  readonly count: (sent: string) => Promise<number>;
}

/** UTF-16 units per token in running text. */
const UNITS_PER_TOKEN = 4;
/** Output for which something is asked before it is used up, and the least that a stream goes on with: one piece. */
const HEADROOM = 256;
/** A smaller extension is no use. */
const FEWEST_TOKENS = 32;
/** What is recorded and not counted yet, in UTF-16 units; beyond this the bytes count. */
const LONGEST_RECORD = 2 * 1024 * 1024;

/**
 * How long a stream without `max_tokens` may go on. The lease covers an estimate; when the bytes of the output come near
 * it, the lease is extended by as much again. Where that is refused, the output is counted exactly, as admission does it
 * with a prompt, the rest of the room is taken, and when that is used up the stream ends.
 */
export class OutputAllowance {
  /** Bytes of output at which `more` is to be asked; infinite while nothing has to be. */
  watchAt = 0;
  /** What the client got, since the beginning where `whole`. */
  sent = "";
  whole: boolean;
  recording: boolean;
  readonly #options: OutputAllowanceOptions;
  readonly #step: number;
  #bounds: CallBounds;
  /** Tokens that the first `#bytes` bytes are taken for: counted with a margin where that was needed. */
  #bound = 0;
  #bytes = 0;
  /** The same without margin, for the first `#units` UTF-16 units. */
  #tokens = 0;
  #units = 0;
  /** Where what was not counted yet begins in `sent`. */
  #countedTo = 0;

  constructor(options: OutputAllowanceOptions) {
    this.#options = options;
    this.#bounds = options.reserved.bounds;
    this.#step = this.#bounds.outputTokens;
    this.recording = options.record;
    this.whole = options.record;
    this.#watch();
  }

  get choices(): number {
    return this.#bounds.choices;
  }

  record(text: string): void {
    if (this.sent.length + text.length > LONGEST_RECORD) {
      this.sent = "";
      this.#countedTo = 0;
      this.whole = false;
    }
    this.sent += text;
  }

  /** Whether the stream may go on; asked once the output has come to `watchAt`. */
  more(output: WrittenOutput): boolean | Promise<boolean> {
    this.watchAt = Number.POSITIVE_INFINITY;
    const { most } = this.#options.reserved;
    const wanted = this.#bounds.outputTokens + this.#step;
    const next = most === undefined ? wanted : Math.min(wanted, most);
    const extension = this.#extend(next);
    if (extension instanceof Promise) return extension.then((later) => this.#decided(later, output));
    return this.#decided(extension, output);
  }

  /** Tokens of the output so far: counted where it was, by its length otherwise. */
  tokens(output: WrittenOutput): number {
    return this.#tokens + Math.ceil((output.textLength - this.#units) / UNITS_PER_TOKEN);
  }

  #decided(extension: Extension, output: WrittenOutput): boolean | Promise<boolean> {
    if (!extension.granted) return this.#withWhatIsLeft(extension.room, output);
    this.#begin(output);
    this.#watch();
    return true;
  }

  /** What went before the first extension was not recorded: its bytes count. */
  #begin(output: WrittenOutput): void {
    if (this.recording) return;
    this.recording = true;
    this.#bound = output.textBytes;
    this.#bytes = output.textBytes;
    this.#tokens = Math.ceil(output.textLength / UNITS_PER_TOKEN);
    this.#units = output.textLength;
    this.#countedTo = this.sent.length;
  }

  async #withWhatIsLeft(room: bigint, output: WrittenOutput): Promise<boolean> {
    if (this.recording) await this.#count(output);
    else this.#begin(output);
    if (this.#left < HEADROOM) {
      const { outputTokens } = this.#bounds;
      const { prices } = this.#options.reserved;
      const most = affordable(
        prices,
        { ...this.#bounds, outputTokens: outputTokens + this.#step },
        this.#held() + room,
      );
      if (most === undefined || most - outputTokens < FEWEST_TOKENS) return false;
      if (!(await this.#extend(most)).granted || this.#left < HEADROOM) return false;
    }
    this.#watch();
    return true;
  }

  async #count(output: WrittenOutput): Promise<void> {
    const { textBytes, textLength } = output;
    const uncounted = this.sent.slice(this.#countedTo);
    this.#countedTo = this.sent.length;
    const tokens = await this.#options.count(uncounted);
    // Never more than the bytes, which bound every tokenizer.
    this.#bound += Math.min(Math.ceil(tokens * COUNT_MARGIN), textBytes - this.#bytes);
    this.#bytes = textBytes;
    this.#tokens += Math.min(tokens, textBytes);
    this.#units = textLength;
  }

  /** Tokens that the lease still covers. */
  get #left(): number {
    return this.#bounds.outputTokens - this.#bound;
  }

  #held(): bigint {
    return dearest(this.#options.reserved.prices, this.#bounds);
  }

  #extend(outputTokens: number): Extension | Promise<Extension> {
    const bounds = { ...this.#bounds, outputTokens };
    const extension = this.#options.extend(dearest(this.#options.reserved.prices, bounds) - this.#held());
    const noted = (said: Extension): Extension => {
      if (said.granted) this.#bounds = bounds;
      return said;
    };
    return extension instanceof Promise ? extension.then(noted) : noted(extension);
  }

  #watch(): void {
    const { most } = this.#options.reserved;
    const left = this.#left;
    // The model cannot write more than what is held already.
    if (most !== undefined && this.#bounds.outputTokens >= most) this.watchAt = Number.POSITIVE_INFINITY;
    else this.watchAt = this.#bytes + Math.max(left - HEADROOM, Math.floor(left / 4));
  }
}

/** What a stream that was ended here is taken to have consumed: what the provider said of the prompt, else its bound. */
export function endedUsage(told: Usage | undefined, promptBound: number, outputTokens: number): Usage {
  const input = Object.entries(told?.buckets ?? {}).filter(([bucket]) => !bucket.startsWith("output"));
  const prompt = input.length === 0 ? { input: promptBound } : Object.fromEntries(input);
  return { buckets: { ...prompt, output: outputTokens }, estimated: true };
}
