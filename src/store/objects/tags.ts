import { ObjectTable } from "./object-table.ts";
import type { TagTable } from "./tables.ts";

export type TagRow = Readonly<TagTable>;

export const tags = new ObjectTable("tag", "tag_name");
