import { capture } from "../../routing/match-model.ts";
import type { AutoRouter } from "../../snapshot/auto-router.ts";
import type { Diagnostic, Snapshot } from "../../snapshot/snapshot.ts";
import type { LoadedDocument, Path } from "../load.ts";
import { type AutoRouterSource, compileAutoRouter } from "./compile-auto-router.ts";
import { Notes } from "./notes.ts";

/** An auto router as a list of models declares it. */
export interface DeclaredAutoRouter extends AutoRouterSource {
  /** Of its entry. */
  readonly path: Path;
  readonly locate: LoadedDocument["locate"];
}

/** The auto routers of a configuration by name, and what is to be told about them. */
export function compileAutoRouters(
  declared: readonly DeclaredAutoRouter[],
  served: Pick<Snapshot, "groups" | "wildcards" | "aliases">,
): { readonly autoRouters: ReadonlyMap<string, AutoRouter>; readonly diagnostics: readonly Diagnostic[] } {
  const autoRouters = new Map<string, AutoRouter>();
  const diagnostics: Diagnostic[] = [];
  const tell = (entry: DeclaredAutoRouter, severity: "error" | "warning", problem: string, key: string): void => {
    diagnostics.push({
      severity,
      code: severity === "error" ? "deployment_skipped" : "auto_router",
      message: severity === "error" ? `the deployment of ${entry.name} is skipped: ${problem}` : problem,
      location: entry.locate([...entry.path, "litellm_params", key]),
    });
  };
  for (const entry of declared) {
    const notes: Notes[] = [];
    const compiled = compileAutoRouter(entry, served.groups, (key) => {
      const own = new Notes(entry.locate, [...entry.path, "litellm_params", key]);
      notes.push(own);
      return own;
    });
    diagnostics.push(...notes.flatMap((own) => own.diagnostics));
    if ("problem" in compiled) {
      tell(entry, "error", compiled.problem, compiled.key);
      continue;
    }
    for (const model of modelsOf(compiled)) {
      if (!isServed(model, served))
        tell(entry, "warning", `${entry.name} leads to ${model}, which nobody serves`, "model");
    }
    const known = autoRouters.has(compiled.name) || served.groups.has(compiled.name);
    if (known)
      tell(entry, "warning", `${entry.name} has other deployments, too: the auto router is asked first`, "model");
    autoRouters.set(compiled.name, compiled);
  }
  return { autoRouters, diagnostics };
}

function modelsOf(router: AutoRouter): ReadonlySet<string> {
  const models = new Set(router.defaultModel === undefined ? [] : [router.defaultModel]);
  if (router.kind === "complexity")
    for (const pool of router.models.values()) for (const name of pool) models.add(name);
  else if (router.kind === "quality") for (const { name } of router.models) models.add(name);
  else for (const { name } of router.routes) models.add(name);
  if (router.kind === "semantic") models.add(router.embeddingModel);
  return models;
}

function isServed(
  name: string,
  { groups, wildcards, aliases }: Pick<Snapshot, "groups" | "wildcards" | "aliases">,
): boolean {
  const model = aliases.get(name)?.model ?? name;
  return groups.has(model) || wildcards.some(({ pieces }) => capture(pieces, model) !== undefined);
}
