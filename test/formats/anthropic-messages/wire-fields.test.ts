import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { EXPRESSIBLE, STOP_REASONS, UNIONS, WHOLE } from "../../../src/formats/anthropic-messages/wire-fields.ts";

const types = readFileSync(
  new URL("../../../node_modules/@anthropic-ai/sdk/resources/messages/messages.d.ts", import.meta.url),
  "utf8",
).replace(/\/\*\*[\s\S]*?\*\//g, "");

function fieldsOf(name: string): string[] {
  const body = new RegExp(`^export interface ${name} (?:extends \\S+ )?\\{\\n([\\s\\S]*?)^\\}`, "m").exec(types)?.[1];
  if (body === undefined) throw new Error(`the SDK has no interface ${name}`);
  return [...body.matchAll(/^ {4}(?:readonly )?(\w+)\??:/gm)].map((match) => match[1] as string).sort();
}

function membersOf(name: string): string[] {
  const body = new RegExp(`^export type ${name} = ([^;]*);`, "m").exec(types)?.[1];
  if (body === undefined) throw new Error(`the SDK has no type ${name}`);
  return body.split("|").map((member) => member.trim().replaceAll("'", ""));
}

for (const [name, fields] of Object.entries(EXPRESSIBLE)) {
  test(`${name} is carried field by field`, () => expect(Object.keys(fields).sort()).toEqual(fieldsOf(name)));
}

for (const name of UNIONS) {
  test(`every member of ${name} is carried`, () => {
    expect(membersOf(name).filter((member) => !(member in EXPRESSIBLE) && !WHOLE.includes(member))).toEqual([]);
  });
}

test("what is kept whole exists", () => {
  for (const name of WHOLE) expect(fieldsOf(name).length).toBeGreaterThan(0);
});

test("every stop reason has a meaning", () => expect([...STOP_REASONS].sort()).toEqual(membersOf("StopReason").sort()));
