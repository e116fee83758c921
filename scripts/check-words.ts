/**
 * Words that do not belong in the repository: paths of the machine it was written on, package registries (a lock file that
 * names one ties every user to it), and notes of work left undone. Prints each as file:line and exits with 1.
 */
import { $ } from "bun";

interface Rule {
  readonly pattern: RegExp;
  readonly reason: string;
}

const RULES: readonly Rule[] = [
  { pattern: /(?<![\w.}~-])\/(?:work|root|home\/\w+|Users\/\w+)\//, reason: "a path of one machine" },
  { pattern: /registry\.(?:npmjs|npmmirror|yarnpkg)\.\w+|npm\.pkg\.github\.com/, reason: "a package registry" },
  { pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/, reason: "work left undone" },
];

/** The rules themselves. */
const EXEMPT = new Set(["scripts/check-words.ts", "test/scripts/check-words.test.ts"]);
const DATA = /\.(?:png|jpg|ico|woff2?|gz|wasm|generated\.\w+)$|^src\/pricing\/catalogue/;

/** One line for each word that must go. */
export function wordFaults(path: string, text: string): string[] {
  const faults: string[] = [];
  text.split("\n").forEach((line, index) => {
    for (const { pattern, reason } of RULES) {
      const found = pattern.exec(line);
      if (found !== null) faults.push(`${path}:${index + 1} has "${found[0]}": ${reason}`);
    }
  });
  return faults;
}

if (import.meta.main) {
  const listed = await $`git ls-files --cached --others --exclude-standard -z`.text();
  const paths = [...new Set(listed.split("\0"))].filter((path) => path !== "" && !EXEMPT.has(path) && !DATA.test(path));
  const faults: string[] = [];
  for (const path of paths) {
    const file = Bun.file(path);
    if (await file.exists()) faults.push(...wordFaults(path, await file.text()));
  }
  for (const fault of faults) console.error(fault);
  process.exit(faults.length === 0 ? 0 : 1);
}
