import { AREAS, type Finding } from "./finding.ts";

/** The findings for a terminal: by area, each problem with its reason and its remedy, and a line that counts. */
export function renderFindings(findings: readonly Finding[]): string {
  const lines: string[] = [];
  for (const area of AREAS) {
    const found = findings.filter((finding) => finding.area === area);
    if (found.length === 0) continue;
    lines.push(area);
    for (const { status, what, why, fix } of found) {
      lines.push(`  ${status.padEnd(8)} ${indented(what)}`);
      if (why !== undefined) lines.push(`           why: ${indented(why)}`);
      if (fix !== undefined) lines.push(`           fix: ${indented(fix)}`);
    }
  }
  lines.push(summaryOf(findings));
  return lines.join("\n");
}

/** The same for programs. */
export function findingsAsJson(findings: readonly Finding[]): string {
  return JSON.stringify({ healthy: exitStatus(findings) === 0, findings }, null, 2);
}

/** 0 when nothing is a problem. */
export function exitStatus(findings: readonly Finding[]): 0 | 1 {
  return findings.some(({ status }) => status === "problem") ? 1 : 0;
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (wanted: Finding["status"]): number => findings.filter(({ status }) => status === wanted).length;
  const problems = count("problem");
  const warnings = count("warning");
  if (problems + warnings === 0) return "Everything that was looked at is in order.";
  return `${problems} problem${problems === 1 ? "" : "s"}, ${warnings} warning${warnings === 1 ? "" : "s"}`;
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n           ");
}
