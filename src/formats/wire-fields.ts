/**
 * What becomes of a field of the wire when a request or an answer is translated:
 *
 * - `conversation`: has a word in the conversation, so every other format hears of it.
 * - `native`: kept beside it and given back to this format; to others it is reported by its name.
 * - `passed`: reaches clients of the same format, whose bytes pass; no translated request asks for it, and a translated
 *   answer is without it.
 * - `tag`: says only which kind of object it is.
 * - `gateway`: the gateway answers it itself.
 * - `sdk`: never on the wire; the SDK's own.
 */
export type Carried = "conversation" | "native" | "passed" | "tag" | "gateway" | "sdk";

/** Types of an official SDK and what becomes of each of their fields. Tests compare them with the SDK that is installed. */
export type WireFields = Readonly<Record<string, Readonly<Record<string, Carried>>>>;
