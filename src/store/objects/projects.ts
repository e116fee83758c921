import { ObjectTable } from "./object-table.ts";
import type { ProjectTable } from "./tables.ts";

export type ProjectRow = Readonly<ProjectTable>;

export const projects = new ObjectTable("project", "project_id");
