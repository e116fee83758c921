import { isObject, type Json, type JsonObject } from "../../json/json.ts";

/** Ids that the gateway makes itself begin with it, as LiteLLM's do: base64 of `litellm_proxy:`. */
const OWN = "bGl0ZWxsbV9wcm94eT";

/** An id for an object that belongs to one deployment of a model. It tells nothing: what it stands for is in a table. */
export function newManagedId(object: string): string {
  return Buffer.from(`litellm_proxy:0;unified_id,${crypto.randomUUID()};${object}`).toString("base64url");
}

/** Whether the gateway made an id. */
export function isManagedId(id: string): boolean {
  return id.startsWith(OWN);
}

/** Members that hold ids of objects; the same with an `s` hold lists of them. */
const ID_MEMBERS: ReadonlySet<string> = new Set([
  ...["file_id", "file_ids", "input_file_id", "output_file_id", "error_file_id", "training_file", "validation_file"],
  ...["result_files", "vector_store_id", "vector_store_ids", "assistant_id", "thread_id", "container_id", "container"],
  ...["eval_id", "batch_id", "video_id", "remixed_from_video_id", "input_file_ids"],
]);

/** What stands where ids of objects stand. `withOwn`: `id` members, too, as answers have them. */
export function referredIds(value: Json | undefined, withOwn: boolean): readonly string[] {
  const found = new Set<string>();
  walk(value, withOwn, (id) => {
    found.add(id);
    return id;
  });
  return [...found];
}

/** The value with other ids in the places where ids stand; the same value where nothing changes. */
export function withIds(value: Json, ids: ReadonlyMap<string, string>, withOwn: boolean): Json {
  return ids.size === 0 ? value : (walk(value, withOwn, (id) => ids.get(id) ?? id) ?? value);
}

const DEEPEST = 12;

function walk(value: Json | undefined, withOwn: boolean, visit: (id: string) => string, depth = 0): Json | undefined {
  if (depth > DEEPEST || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    let changed = false;
    const items = (value as readonly Json[]).map((item) => {
      const walked = walk(item, withOwn, visit, depth + 1) ?? null;
      changed ||= walked !== item;
      return walked;
    });
    return changed ? items : value;
  }
  let changed = false;
  const members: [string, Json | undefined][] = Object.entries(value as JsonObject).map(([name, member]) => {
    const walked = ID_MEMBERS.has(name) || (withOwn && name === "id") ? visited(member, visit) : undefined;
    const after = walked ?? walk(member, withOwn, visit, depth + 1);
    changed ||= after !== member;
    return [name, after];
  });
  return changed ? Object.fromEntries(members) : value;
}

/** Undefined where no id stands. */
function visited(member: Json | undefined, visit: (id: string) => string): Json | undefined {
  if (typeof member === "string") return visit(member);
  if (!Array.isArray(member) || member.length === 0 || member.some((item) => typeof item !== "string")) {
    if (!isObject(member) || typeof member.id !== "string") return undefined;
    const id = visit(member.id);
    return id === member.id ? member : { ...member, id };
  }
  const items = (member as readonly string[]).map(visit);
  return items.some((item, index) => item !== member[index]) ? items : member;
}
