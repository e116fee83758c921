import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writePart } from "../../bench/results-file.ts";

test("each command writes its own part of the results and leaves the others alone", () => {
  const folder = mkdtempSync(join(tmpdir(), "isthmus-results-"));
  const file = join(folder, "results.md");
  const text = () => readFileSync(file, "utf8");
  writeFileSync(file, "# Older\n\nwithout marks\n");
  writePart("scale-postgres", "## P\n\n1", file);
  expect(text()).toBe("<!-- bench -->\n# Older\n\nwithout marks\n\n<!-- scale-postgres -->\n## P\n\n1\n");
  writePart("scale-sqlite", "## S\n", file);
  writePart("bench", "# New\n", file);
  writePart("scale-postgres", "## P\n\n2\n", file);
  expect(text()).toBe("<!-- bench -->\n# New\n\n<!-- scale-sqlite -->\n## S\n\n<!-- scale-postgres -->\n## P\n\n2\n");
  rmSync(folder, { recursive: true });
});
