import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { API, type Checker, type Type, type Symbol as TypeSymbol } from "typescript/unstable/async";

/** The types of an official SDK, as the TypeScript compiler reads them. */
export interface SdkTypes {
  /** The fields of a type, inherited ones included; of a union, those of all of its members. Throws for unknown names. */
  fieldsOf(name: string): Promise<string[]>;
  /** The names of a union's members, or its literals. */
  membersOf(name: string): Promise<string[]>;
  close(): Promise<void>;
}

/** @param path of a declaration file in `node_modules`; types in its namespaces are called `Namespace.Name` */
export async function openSdkTypes(path: string): Promise<SdkTypes> {
  const file = fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), "sdk-types-"));
  const config = join(directory, "tsconfig.json");
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", skipLibCheck: true, types: [] };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
  const api = new API();
  const project = (await api.updateSnapshot({ openProjects: [config] })).getProject(config);
  const source = await project?.program.getSourceFile(file);
  const module = source === undefined ? undefined : await project?.checker.getSymbolAtLocation(source);
  if (project === undefined || module === undefined) throw new Error(`${path} cannot be read`);
  const { checker } = project;
  const exported = await module.getExports();

  const typeOf = async (name: string): Promise<Type> => {
    let table: ReadonlyMap<string, TypeSymbol> = exported;
    let symbol: TypeSymbol | undefined;
    for (const part of name.split(".")) {
      symbol = table.get(part);
      if (symbol === undefined) throw new Error(`the SDK has no type ${name}`);
      table = await symbol.getExports();
    }
    return checker.getDeclaredTypeOfSymbol(symbol as TypeSymbol);
  };
  return {
    fieldsOf: async (name) => (await fieldsOf(await typeOf(name), checker)).sort(),
    membersOf: async (name) => {
      const type = await typeOf(name);
      const members = type.isUnionType() ? await type.getTypes() : [type];
      return Promise.all(members.map((member) => nameOf(member, checker)));
    },
    close: async () => {
      await api.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function fieldsOf(type: Type, checker: Checker): Promise<string[]> {
  if (!type.isUnionType()) return (await checker.getPropertiesOfType(type)).map(({ name }) => name);
  const members = await Promise.all((await type.getTypes()).map((member) => fieldsOf(member, checker)));
  return [...new Set(members.flat())];
}

/** A type's name with its namespaces; a literal as it is. */
async function nameOf(type: Type, checker: Checker): Promise<string> {
  const symbol = (await type.getAliasSymbol?.()) ?? (await type.getSymbol());
  if (symbol === undefined) return (await checker.typeToString(type)).replaceAll('"', "");
  const parts = [symbol.name];
  for (let at = await symbol.getParent(); at !== undefined && !at.name.includes("/"); at = await at.getParent()) {
    parts.unshift(at.name);
  }
  return parts.join(".");
}
