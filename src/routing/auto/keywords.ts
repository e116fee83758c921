import type { KeywordList } from "../../snapshot/auto-router.ts";

const WORD = /[\p{L}\p{N}_]/u;
/** Chinese and Japanese characters: no spaces stand between words. */
const UNSPACED = /[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/;

/** Sorts words by how they are looked for; empty ones and repeated ones are left out. */
export function keywordList(keywords: readonly string[]): KeywordList {
  const all = [...new Set(keywords.map((keyword) => keyword.trim().toLowerCase()))].filter((word) => word !== "");
  const anywhere = (word: string): boolean => word.includes(" ") || UNSPACED.test(word);
  return { words: all.filter((word) => !anywhere(word)), phrases: all.filter(anywhere) };
}

/** Those that a text in lower case has, at most as many as are asked for. */
export function matched({ words, phrases }: KeywordList, text: string, most = Number.POSITIVE_INFINITY): string[] {
  const found: string[] = [];
  for (const word of words) {
    if (found.length >= most) return found;
    if (hasWord(text, word)) found.push(word);
  }
  for (const phrase of phrases) {
    if (found.length >= most) return found;
    if (text.includes(phrase)) found.push(phrase);
  }
  return found;
}

/** Whether the word stands by itself: `api` is not in `capital`. */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (edge(text[at - 1], word[0]) && edge(text[at + word.length], word.at(-1))) return true;
  }
  return false;
}

/** A boundary lies between two characters of which exactly one belongs to a word. */
function edge(outside: string | undefined, inside: string | undefined): boolean {
  return (outside !== undefined && WORD.test(outside)) !== (inside !== undefined && WORD.test(inside));
}
