import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";

/** The events of a stream's text. */
export function framesOf(text: string): JsonObject[] {
  const framer = new SseFramer();
  return [...framer.push(new TextEncoder().encode(text)), ...framer.end()].map((frame) => {
    const body = asObject(JSON.parse(frame.data)) ?? {};
    return frame.event === body.type ? body : { ...body, type: `${body.type} under event ${frame.event}` };
  });
}

/** Violations of the grammar of streamed answers; empty when there are none. */
export function brokenGrammar(events: readonly JsonObject[]): string[] {
  const broken: string[] = [];
  const say = (problem: string) => broken.push(problem);
  const kinds = events.map((event) => event.type as string);
  if (kinds[0] !== "response.created" || kinds[1] !== "response.in_progress") say("does not begin with created");
  if (!/^response\.(completed|incomplete|failed)$/.test(kinds.at(-1) ?? "")) say("does not end with the answer");
  events.forEach((event, index) => {
    if (event.sequence_number !== index) say(`event ${index} has number ${event.sequence_number}`);
  });
  let open: { index: unknown; id: unknown } | undefined;
  let content: { index: unknown; text: string; type: unknown } | undefined;
  let next = 0;
  const done: JsonObject[] = [];
  for (const event of events.slice(2, -1)) {
    const type = event.type as string;
    const item = asObject(event.item) ?? {};
    if (type === "response.output_item.added") {
      if (open !== undefined) say(`item ${event.output_index} begins inside item ${open.index}`);
      if (event.output_index !== next++) say(`item ${event.output_index} is out of order`);
      open = { index: event.output_index, id: item.id };
      continue;
    }
    if (open === undefined || event.output_index !== open.index) {
      say(`${type} outside its item`);
      continue;
    }
    if (type === "response.output_item.done") {
      if (item.id !== open.id) say("an item changes its id");
      if (content !== undefined) say("an item ends with open content");
      done.push(item);
      open = undefined;
      continue;
    }
    if (event.item_id !== open.id) say(`${type} with another id`);
    const part = asObject(event.part);
    const delta = /\.delta$/.exec(type) === null ? undefined : (event.delta as string);
    if (/part\.added$/.test(type)) {
      if (content !== undefined) say("content begins inside content");
      content = { index: event.content_index ?? event.summary_index, text: "", type: part?.type };
      if ((part?.text ?? part?.refusal) !== "") say("content begins with text");
    } else if (delta !== undefined) {
      if (/arguments|input/.test(type)) content ??= { index: undefined, text: "", type: "input" };
      if (content === undefined) say(`${type} outside content`);
      else content.text += delta;
    } else if (/(text|refusal)\.done$/.test(type)) {
      if ((event.text ?? event.refusal) !== content?.text) say(`${type} differs from its deltas`);
    } else if (/part\.done$/.test(type)) {
      if ((part?.text ?? part?.refusal) !== content?.text) say(`${type} differs from its deltas`);
      if (part?.type !== content?.type) say("content changes its type");
      content = undefined;
    } else if (/(arguments|input)\.done$/.test(type)) {
      if ((event.arguments ?? event.input) !== (content?.text ?? "")) say(`${type} differs from its deltas`);
      content = undefined;
    } else if (type !== "response.output_text.annotation.added") say(`unexpected ${type}`);
  }
  if (open !== undefined) say("an item never ends");
  const final = asArray(asObject(events.at(-1)?.response)?.output);
  if (JSON.stringify(final) !== JSON.stringify(done)) say("the final answer differs from its items");
  return broken;
}
