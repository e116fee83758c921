import type { JsonObject } from "../json/json.ts";

/** A word of a transcript; times are seconds from the beginning of the sound. */
export interface SpokenWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

export interface Transcript {
  readonly text: string;
  readonly language: string | undefined;
  /** Seconds of sound; undefined where the provider does not say. */
  readonly duration: number | undefined;
  readonly words: readonly SpokenWord[];
  /** Who spoke and what else only the provider says, for `verbose_json`. */
  readonly segments?: readonly JsonObject[];
}

/**
 * A transcript as OpenAI's clients asked for it: `json` (the default), `verbose_json`, `text`, `srt` or `vtt`.
 * https://developers.openai.com/api/reference/resources/audio/subresources/transcriptions/methods/create (2026-11-24)
 */
export function transcriptAnswer(transcript: Transcript, format: string | undefined): Response {
  const { text, language, duration, words } = transcript;
  switch (format) {
    case "text":
      return plain(`${text}\n`);
    case "srt":
      return plain(subtitles(transcript, ",", true));
    case "vtt":
      return plain(`WEBVTT\n\n${subtitles(transcript, ".", false)}`);
    default:
      return Response.json({
        task: "transcribe",
        ...(language === undefined ? {} : { language }),
        ...(duration === undefined ? {} : { duration, usage: { type: "duration", seconds: duration } }),
        text,
        ...(words.length === 0 ? {} : { words }),
        ...(format === "verbose_json" && transcript.segments !== undefined ? { segments: transcript.segments } : {}),
      });
  }
}

function plain(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** Words in one subtitle: about two lines of a screen. */
const WORDS_IN_A_CUE = 12;

function subtitles({ text, words, duration }: Transcript, decimal: string, numbered: boolean): string {
  const cues: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  for (let at = 0; at < words.length; at += WORDS_IN_A_CUE) {
    const some = words.slice(at, at + WORDS_IN_A_CUE);
    const [first] = some;
    const last = some.at(-1);
    if (first === undefined || last === undefined) break;
    cues.push({ start: first.start, end: last.end, text: some.map(({ word }) => word).join(" ") });
  }
  if (cues.length === 0 && text !== "") cues.push({ start: 0, end: duration ?? 0, text });
  return cues
    .map((cue, index) => {
      const times = `${clock(cue.start, decimal)} --> ${clock(cue.end, decimal)}`;
      return `${numbered ? `${index + 1}\n` : ""}${times}\n${cue.text}\n`;
    })
    .join("\n");
}

function clock(seconds: number, decimal: string): string {
  const whole = Math.floor(seconds);
  const pad = (value: number, length: number): string => String(value).padStart(length, "0");
  const thousandths = Math.min(999, Math.round((seconds - whole) * 1000));
  return `${pad(Math.floor(whole / 3600), 2)}:${pad(Math.floor(whole / 60) % 60, 2)}:${pad(whole % 60, 2)}${decimal}${pad(thousandths, 3)}`;
}
