/** Pieces of a text that begins with `<think>…</think>`, as servers without a reasoning field write it. */
export type ThoughtPiece = { readonly kind: "thinking" | "text"; readonly text: string };

const OPEN = "<think>";
const CLOSE = "</think>";

/**
 * Splits a streamed text into thinking and answer. It holds back no more than what could still be a tag: at the very
 * beginning, and at a closing tag's place.
 */
export class ThinkTagSplitter {
  #state: "start" | "thinking" | "after" | "text" = "start";
  #held = "";

  push(text: string): ThoughtPiece[] {
    const pieces: ThoughtPiece[] = [];
    this.#held += text;
    while (this.#held !== "") {
      const before = this.#held;
      this.#step(pieces);
      if (this.#held === before) break;
    }
    return pieces;
  }

  /** What was held back in case more of a tag came. */
  end(): ThoughtPiece[] {
    const held = this.#held;
    this.#held = "";
    if (held === "") return [];
    return [{ kind: this.#state === "thinking" ? "thinking" : "text", text: held }];
  }

  #step(pieces: ThoughtPiece[]): void {
    const held = this.#held;
    switch (this.#state) {
      case "start": {
        const trimmed = held.trimStart();
        if (trimmed.startsWith(OPEN)) {
          this.#state = "thinking";
          this.#held = trimmed.slice(OPEN.length);
        } else if (!OPEN.startsWith(trimmed)) this.#state = "text";
        else return;
        if (this.#state === "text") this.#emit(pieces, "text", held);
        return;
      }
      case "thinking": {
        const at = held.indexOf(CLOSE);
        if (at >= 0) {
          this.#push(pieces, "thinking", held.slice(0, at).replace(/\n$/, ""));
          this.#held = held.slice(at + CLOSE.length);
          this.#state = "after";
          return;
        }
        const safe = held.length - overlap(held);
        if (safe > 0) {
          this.#push(pieces, "thinking", held.slice(0, safe));
          this.#held = held.slice(safe);
        }
        return;
      }
      case "after": {
        // The blank lines behind the tag belong to neither.
        const rest = held.replace(/^\s+/, "");
        this.#held = rest;
        if (rest === "") return;
        this.#state = "text";
        this.#emit(pieces, "text", rest);
        return;
      }
      case "text":
        this.#emit(pieces, "text", held);
    }
  }

  #emit(pieces: ThoughtPiece[], kind: "thinking" | "text", text: string): void {
    this.#push(pieces, kind, text);
    this.#held = "";
  }

  #push(pieces: ThoughtPiece[], kind: "thinking" | "text", text: string): void {
    if (text !== "") pieces.push({ kind, text });
  }
}

/** How many characters at the end may be the beginning of a closing tag, or the line break before it. */
function overlap(text: string): number {
  for (let length = Math.min(CLOSE.length, text.length); length > 0; length--) {
    if (`\n${CLOSE}`.startsWith(text.slice(-length)) || CLOSE.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
