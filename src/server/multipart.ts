/** What the head of a part of a form says (RFC 7578). */
export interface FormPart {
  readonly name: string;
  /** Present where the part is a file. */
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
}

/** Told of a form's parts in their order. */
export interface FormEvents {
  begin(part: FormPart): void;
  /** The bytes are valid during the call only. */
  data(chunk: Uint8Array): void;
  end(): void;
}

/** The body is no form, or it ended before the form did. */
export class BrokenForm extends Error {
  override readonly name = "BrokenForm";
}

/** Heads of parts are a few lines. */
const LONGEST_HEAD = 16_384;
const HEAD_END = "\r\n\r\n";

/** Reads a form piece by piece and keeps no more than a delimiter's length of it. */
export class MultipartParser {
  readonly #events: FormEvents;
  readonly #delimiter: Buffer;
  // The first delimiter has no line break before it.
  #pending: Buffer = Buffer.from("\r\n");
  #state: "preamble" | "delimiter" | "head" | "body" | "done" = "preamble";

  constructor(boundary: string, events: FormEvents) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
    this.#events = events;
  }

  /** Throws BrokenForm. */
  push(chunk: Uint8Array): void {
    if (this.#state === "done") return;
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    while (this.#step());
  }

  /** Throws BrokenForm when the form is not complete. */
  end(): void {
    if (this.#state !== "done") throw new BrokenForm("the form ended before its last part");
  }

  /** Whether there is more to do. */
  #step(): boolean {
    switch (this.#state) {
      case "preamble":
      case "body":
        return this.#untilDelimiter();
      case "delimiter":
        return this.#afterDelimiter();
      case "head":
        return this.#head();
      default:
        return false;
    }
  }

  #untilDelimiter(): boolean {
    const inBody = this.#state === "body";
    const at = this.#pending.indexOf(this.#delimiter);
    const safe = at >= 0 ? at : Math.max(this.#pending.length - this.#delimiter.length + 1, 0);
    if (inBody && safe > 0) this.#events.data(this.#pending.subarray(0, safe));
    if (at < 0) {
      this.#pending = Buffer.from(this.#pending.subarray(safe));
      return false;
    }
    if (inBody) this.#events.end();
    this.#pending = this.#pending.subarray(at + this.#delimiter.length);
    this.#state = "delimiter";
    return true;
  }

  /** Two hyphens end the form; else blanks and a line break lead to the next part. */
  #afterDelimiter(): boolean {
    if (this.#pending.length < 2) return false;
    if (this.#pending.subarray(0, 2).toString("latin1") === "--") {
      this.#state = "done";
      this.#pending = Buffer.alloc(0);
      return false;
    }
    const end = this.#pending.indexOf("\r\n");
    if (end < 0) {
      if (this.#pending.length > LONGEST_HEAD) throw new BrokenForm("a delimiter of the form does not end");
      return false;
    }
    if (this.#pending.subarray(0, end).toString("latin1").trim() !== "") {
      throw new BrokenForm("something stands behind a delimiter of the form");
    }
    // The line break stays: a part without fields begins with an empty line.
    this.#pending = this.#pending.subarray(end);
    this.#state = "head";
    return true;
  }

  #head(): boolean {
    const end = this.#pending.indexOf(HEAD_END);
    if (end < 0) {
      if (this.#pending.length > LONGEST_HEAD) throw new BrokenForm("the head of a part is too long");
      return false;
    }
    const part = readHead(this.#pending.subarray(0, end).toString("utf8"));
    this.#pending = this.#pending.subarray(end + HEAD_END.length);
    this.#state = "body";
    this.#events.begin(part);
    return true;
  }
}

function readHead(text: string): FormPart {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = fields.get("content-disposition") ?? "";
  const name = parameter(disposition, "name");
  if (name === undefined) throw new BrokenForm("a part of the form has no name");
  return { name, filename: fileName(disposition), contentType: fields.get("content-type") };
}

/** `filename*` (RFC 5987) before `filename`. */
function fileName(disposition: string): string | undefined {
  const extended = /;\s*filename\*=(?:utf-8)''([^;]+)/i.exec(disposition)?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      // A malformed escape: the plain name counts.
    }
  }
  return parameter(disposition, "filename");
}

/** Browsers and clients write quotes inside a name as %22, or with a backslash. */
function parameter(disposition: string, name: string): string | undefined {
  const quoted = new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(disposition)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(["\\])/g, "$1").replaceAll("%22", '"');
  return new RegExp(`;\\s*${name}=([^;\\s]+)`, "i").exec(disposition)?.[1];
}
