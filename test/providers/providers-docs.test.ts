import { expect, test } from "bun:test";
import { providersPage } from "../../scripts/providers-docs.ts";
import { allProviders } from "../../src/providers/registry.ts";

const lineOf = (page: string, id: string) => page.split("\n").find((line) => line.startsWith(`| \`${id}\``)) ?? "";

test("every provider has a line that says what it offers", () => {
  const page = providersPage(allProviders(), {});
  for (const { id } of allProviders()) expect(lineOf(page, id)).not.toBe("");
  expect(lineOf(page, "voyage")).toContain("embed, rerank");
  expect(lineOf(page, "voyage")).toContain("`VOYAGE_API_KEY`");
});

test("only what was replayed counts as tested", () => {
  const page = providersPage(allProviders(), { groq: { chat: 5, tools: 0 }, veniceai: { chat: 0 } });
  expect(lineOf(page, "groq")).toEndWith("| chat 5 |");
  expect(lineOf(page, "veniceai")).toEndWith("| untested |");
  expect(lineOf(page, "xai")).toEndWith("| untested |");
});
