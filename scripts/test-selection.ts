import type { Requirement } from "../test/requirements.ts";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What the tests named by these arguments need; without a path among them, what all tests need. */
export function requiredBy(
  args: readonly string[],
  requirements: Readonly<Record<Requirement, readonly string[]>>,
): Requirement[] {
  const chosen = args
    .map((arg) => arg.replace(/^\.\//, "").replace(/\/$/, ""))
    .filter((arg) => /^test(\/|$)/.test(arg));
  const overlaps = (left: string, right: string): boolean =>
    left === right || left.startsWith(`${right}/`) || right.startsWith(`${left}/`);
  return (Object.keys(requirements) as Requirement[]).filter((requirement) =>
    requirements[requirement].some((path) => chosen.length === 0 || chosen.some((part) => overlaps(part, path))),
  );
}

/** Reads the totals from the first element of a JUnit report. */
export function countsOf(junit: string): Counts | undefined {
  const root = /<testsuites\b[^>]*>/.exec(junit)?.[0];
  if (root === undefined) return undefined;
  const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}
