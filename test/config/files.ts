import { afterAll } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { compileSnapshot } from "../../src/config/compile.ts";
import { ConfigError, loadConfig } from "../../src/config/load.ts";
import type { Diagnostic, Snapshot } from "../../src/snapshot/snapshot.ts";

/** A folder for one test file's configurations, removed when its tests are done. */
export function temporaryFolder(): { readonly path: string; write(files: Readonly<Record<string, string>>): string } {
  const path = mkdtempSync(join(tmpdir(), "isthmus-config-"));
  afterAll(() => rmSync(path, { recursive: true }));
  return {
    path,
    /** Writes files into a folder of their own and returns the path of the first. */
    write: (files) => {
      const here = mkdtempSync(join(path, "case-"));
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(here, name)), { recursive: true });
        writeFileSync(join(here, name), text);
      }
      return join(here, Object.keys(files)[0] as string);
    },
  };
}

/** Loads a configuration out of memory; the first file is the main one. */
export function loadTexts(files: Readonly<Record<string, string>>): ReturnType<typeof loadConfig> {
  return loadConfig(`/memory/${Object.keys(files)[0]}`, {
    readFile: (path) => {
      const text = files[path.slice("/memory/".length)];
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
      return text;
    },
  });
}

export function compileText(text: string, environment: Readonly<Record<string, string>> = {}): Snapshot {
  return compileSnapshot(loadTexts({ "config.yml": text }), { environment });
}

/** What is told of a text, whether it is refused or not. */
export function diagnosticsOf(text: string, environment: Readonly<Record<string, string>> = {}): readonly Diagnostic[] {
  try {
    return compileText(text, environment).diagnostics;
  } catch (error) {
    if (error instanceof ConfigError) return error.diagnostics;
    throw error;
  }
}

/** What the action is refused for. */
export function refusalOf(action: () => unknown): readonly Diagnostic[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.diagnostics.filter((one) => one.severity === "error");
    throw error;
  }
  throw new Error("it was not refused");
}

/** `line:column` of a diagnostic. */
export function placeOf({ location }: Diagnostic): string {
  return `${location?.line}:${location?.column}`;
}

/** One entry of `model_list`, with more lines of litellm_params. */
export function entry(name: string, extra = ""): string {
  return `  - model_name: "${name}"\n    litellm_params:\n      model: openai/m\n      api_key: k\n${extra}`;
}
