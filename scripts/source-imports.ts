/** One import in a source file, types included: the direction of the rooms holds for them, too. */
export interface SourceImport {
  /** As written: `../json/json.ts`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** From 1. */
  readonly line: number;
}

const STATEMENT = /^(?:import|export)\b(?:[^;"'`]*?\bfrom)?\s*"([^"\n]+)"/gm;
const CALL = /\b(?:import|require(?:\.resolve)?)\(\s*(?:\/\*.*?\*\/\s*)?["'`]([^"'`\n]+)["'`]/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<![:"'`\\])\/\/[^\n]*/g;

/** Reads the imports of a formatted TypeScript file: statements start a line and use double quotes. */
export function sourceImports(text: string): SourceImport[] {
  const code = text.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, " "));
  return [STATEMENT, CALL]
    .flatMap((pattern) => [...code.matchAll(pattern)])
    .sort((left, right) => left.index - right.index)
    .map((match) => ({
      specifier: match[1] as string,
      line: code.slice(0, match.index + match[0].indexOf(match[1] as string)).split("\n").length,
    }));
}
