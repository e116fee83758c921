/** One frame of a stream: an SSE event, an NDJSON line (`data` only) or an AWS event-stream message. */
export interface Frame {
  /** The SSE `event:` field or the AWS `:event-type` / `:exception-type` header. */
  readonly event?: string;
  /** The joined `data:` lines, or the message's payload, as text. */
  readonly data: string;
}

/** Cuts bytes into frames; holds what is incomplete. One instance per stream. */
export interface Framer {
  push(bytes: Uint8Array): Frame[];
  /** The upstream ended: what is left and still a frame. */
  end(): Frame[];
}

const NEWLINE = 10;
const RETURN = 13;

/**
 * Server-sent events (WHATWG HTML, section 9.2): events end at a blank line, line ends are LF, CRLF or CR, `data:` lines
 * join with LF, one space after the colon is removed, lines that begin with a colon are comments.
 */
export class SseFramer implements Framer {
  readonly #decoder = new TextDecoder();
  #line = "";
  #data: string[] = [];
  #event: string | undefined;
  #skipNewline = false;

  push(bytes: Uint8Array): Frame[] {
    return this.#consume(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): Frame[] {
    const frames = this.#consume(this.#decoder.decode());
    if (this.#line !== "") {
      this.#endLine(this.#line, frames);
      this.#line = "";
    }
    this.#dispatch(frames);
    return frames;
  }

  #consume(text: string): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code !== NEWLINE && code !== RETURN) continue;
      if (code === NEWLINE && this.#skipNewline && at === start && this.#line === "") {
        this.#skipNewline = false;
        start = at + 1;
        continue;
      }
      this.#skipNewline = code === RETURN;
      this.#endLine(this.#line + text.slice(start, at), frames);
      this.#line = "";
      start = at + 1;
    }
    if (start < text.length) {
      this.#line += text.slice(start);
      this.#skipNewline = false;
    }
    return frames;
  }

  #endLine(line: string, frames: Frame[]): void {
    if (line === "") {
      this.#dispatch(frames);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
  }

  #dispatch(frames: Frame[]): void {
    if (this.#data.length > 0) {
      const data = this.#data.length === 1 ? (this.#data[0] as string) : this.#data.join("\n");
      frames.push(this.#event === undefined ? { data } : { event: this.#event, data });
      this.#data = [];
    }
    this.#event = undefined;
  }
}

/** Newline-delimited JSON: one frame per non-empty line. */
export class NdjsonFramer implements Framer {
  readonly #decoder = new TextDecoder();
  #rest = "";

  push(bytes: Uint8Array): Frame[] {
    return this.#cut(this.#decoder.decode(bytes, { stream: true }), false);
  }

  end(): Frame[] {
    return this.#cut(this.#decoder.decode(), true);
  }

  #cut(text: string, last: boolean): Frame[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = last ? "" : (lines.pop() ?? "");
    return lines
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .map((data) => ({ data }));
  }
}

/** Writes one SSE frame. `data` must not contain line breaks, which serialised JSON never does. */
export function sseFrame(data: string, event?: string): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}
