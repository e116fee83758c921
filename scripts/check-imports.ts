/**
 * The direction of imports: each room imports only rooms below it, portable rooms import no platform, and no two files of
 * different rooms import each other in a circle. Prints every offending import as file:line and exits with 1.
 */
import { builtinModules } from "node:module";
import { relative, resolve } from "node:path";
import { Glob } from "bun";
import { PORTABLE_ROOMS, ROOMS, rankOf } from "./rooms.ts";
import { sourceImports } from "./source-imports.ts";

export interface SourceFile {
  /** From the root of src/, with slashes: `json/json.ts`. */
  readonly path: string;
  readonly text: string;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

const NODE_MODULES = new Set(builtinModules);

/** One line for each import that breaks a rule; empty when all is well. */
export function importFaults(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  const faults: string[] = [];
  const edges: Edge[] = [];
  for (const file of files) {
    const room = roomOf(file.path);
    const rank = rankOf(room);
    if (rank === undefined) {
      faults.push(`src/${file.path}:1 is in no room; the rooms stand in scripts/rooms.ts`);
      continue;
    }
    for (const { specifier, line } of sourceImports(file.text)) {
      const place = `src/${file.path}:${line}`;
      if (!specifier.startsWith(".")) {
        if (PORTABLE_ROOMS.has(room) && isPlatformModule(specifier))
          faults.push(`${place} imports "${specifier}"; ${room}/ uses web standards only`);
        continue;
      }
      const target = resolve("/", file.path, "..", specifier).slice(1);
      if (!known.has(target)) continue; // package.json and other data beside src/, or an error that tsc reports
      edges.push({ from: file.path, to: target, line });
      const targetRoom = roomOf(target);
      const targetRank = rankOf(targetRoom);
      if (targetRank === undefined || targetRoom === room || targetRank > rank) continue;
      if (targetRank === rank && rank === ROOMS.length - 1) continue;
      faults.push(`${place} imports "${specifier}"; ${room}/ may not import ${targetRoom}/, which is not below it`);
    }
  }
  return [...faults, ...cycleFaults(edges)];
}

function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : path;
}

function isPlatformModule(specifier: string): boolean {
  const bare = specifier.split("/", 1)[0] as string;
  return specifier.startsWith("node:") || bare === "bun" || specifier.startsWith("bun:") || NODE_MODULES.has(bare);
}

/** Circles that leave a room, each reported once, at the import that closes it. */
function cycleFaults(edges: readonly Edge[]): string[] {
  const outgoing = Map.groupBy(edges, (edge) => edge.from);
  const faults: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    path.push(file);
    for (const { to, line } of outgoing.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start !== -1) {
        const circle = path.slice(start);
        if (new Set(circle.map(roomOf)).size > 1)
          faults.push(`src/${file}:${line} closes a circle: ${[...circle, to].join(" → ")}`);
      } else if (!done.has(to)) visit(to);
    }
    path.pop();
    done.add(file);
  };
  for (const file of outgoing.keys()) if (!done.has(file)) visit(file);
  return faults;
}

async function readSources(root: string): Promise<SourceFile[]> {
  const paths = await Array.fromAsync(new Glob("**/*.{ts,tsx}").scan({ cwd: root }));
  return Promise.all(paths.sort().map(async (path) => ({ path, text: await Bun.file(resolve(root, path)).text() })));
}

if (import.meta.main) {
  const root = new URL("../src", import.meta.url).pathname;
  const files = await readSources(root);
  const faults = importFaults(files);
  for (const fault of faults) console.error(fault);
  console.log(`${files.length} files in ${relative(process.cwd(), root) || "src"}, ${faults.length} wrong imports`);
  process.exit(faults.length === 0 ? 0 : 1);
}
