import { closest } from "../../providers/closest.ts";
import type { Diagnostic } from "../../snapshot/snapshot.ts";
import type { LoadedDocument, Path } from "../load.ts";

/** What is to be told about one entry of the configuration, with its places. */
export class Notes {
  readonly diagnostics: Diagnostic[] = [];
  readonly #locate: LoadedDocument["locate"];
  readonly #path: Path;

  /** `path`: of the map that the keys below are in. */
  constructor(locate: LoadedDocument["locate"], path: Path) {
    this.#locate = locate;
    this.#path = path;
  }

  /** `known`: names that may have been meant. */
  warn(at: Path, problem: string, known: readonly string[] = []): void {
    const name = String(at.at(-1) ?? "");
    const suggestion = closest(name, known);
    this.diagnostics.push({
      severity: "warning",
      code: "auto_router",
      message: `${[this.#path.at(-1), ...at].join(".")}: ${problem}`,
      location: this.#locate([...this.#path, ...at]),
      ...(suggestion === undefined || suggestion === name ? {} : { suggestion }),
    });
  }
}
