/** What a new provider is: the answers that `npm run new:provider` needs. */
export interface NewProvider {
  /** LiteLLM's prefix: lower case, digits, `_` and `-`. */
  readonly id: string;
  /** The name in messages: letters and digits. */
  readonly label: string;
  /** With the version's path (`https://api.example.com/v1`), without a slash at its end. */
  readonly base: string;
  /** The page that documents the API. */
  readonly documentation: string;
  /** The day that page was read, `YYYY-MM-DD`. */
  readonly read: string;
}

/** `my_cloud` → `my-cloud`: files are named in kebab case. */
export function fileName(id: string): string {
  return id.replaceAll("_", "-");
}

/** `my_cloud` → `myCloud`. */
export function exportName(id: string): string {
  return id.replaceAll(/[-_]+(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** `my-cloud` → `MY_CLOUD`, the beginning of its variables. */
export function variablePrefix(id: string): string {
  return id.replaceAll("-", "_").toUpperCase();
}

/** What is wrong with the answers, in one sentence; undefined when nothing is. */
export function providerFault({ id, label, base, documentation }: NewProvider): string | undefined {
  if (!/^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/.test(id)) {
    return `the id "${id}" must be lower-case words of letters and digits, joined by _ or -`;
  }
  if (!/^[A-Za-z0-9]+$/.test(label)) return `the label "${label}" must be letters and digits only`;
  if (!/^https?:\/\/[^\s"\\/]+(?:\/[^\s"\\/]+)*$/.test(base) || !URL.canParse(base)) {
    return `the base "${base}" must be a URL without a slash at its end`;
  }
  if (!/^https:\/\/[^\s"\\]+$/.test(documentation) || !URL.canParse(documentation)) {
    return `the documentation "${documentation}" must be an https URL`;
  }
  return undefined;
}

/** The provider's one file. */
export function providerSource(provider: NewProvider): string {
  const prefix = variablePrefix(provider.id);
  return `import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

export const ${exportName(provider.id)}: OpenAiCompatibleRow = {
  id: "${provider.id}",
  label: "${provider.label}",
  documentation: "${provider.documentation}",
  read: "${provider.read}",
  base: "${provider.base}",
  keys: ["${prefix}_API_KEY"],
  bases: ["${prefix}_API_BASE"],
  serves: ["chat"],
};
`;
}

/**
 * Its test: a request, an answer, a stream, a tool call and an error over real HTTP. The bodies are those of OpenAI's
 * format, to be replaced by the provider's own.
 */
export function providerTest(provider: NewProvider): string {
  return `import { afterAll, beforeEach, expect, test } from "bun:test";
import { asArray, asObject, asString } from "../../src/json/json.ts";
import { completion } from "../../src/sdk/index.ts";
import { chatAnswer, chatStream, startUpstream } from "../support/upstream.ts";

// Bodies of OpenAI's format, which ${provider.label} says it speaks:
// ${provider.documentation} (${provider.read})
const upstream = startUpstream(() => Response.json(chatAnswer("hello")));
afterAll(() => upstream.stop());
beforeEach(() => {
  upstream.requests.length = 0;
});

const request = {
  model: "${provider.id}/some-model",
  messages: [{ role: "user", content: "hi" }],
  apiBase: upstream.url,
  apiKey: "sk-x",
  numRetries: 0,
};

test("a request and its answer", async () => {
  upstream.handler = () => Response.json(chatAnswer("hello"));
  const answer = await completion(request);
  expect(answer.choices).toMatchObject([{ message: { content: "hello" }, finish_reason: "stop" }]);
  expect(answer.isthmus.usageBuckets).toMatchObject({ buckets: { input: 10, output: 5 } });
  expect(upstream.requests).toMatchObject([
    { method: "POST", path: "/chat/completions", json: { model: "some-model", messages: request.messages } },
  ]);
  expect(upstream.requests[0]?.headers.get("authorization")).toBe("Bearer sk-x");
});

test("a stream", async () => {
  upstream.handler = () => chatStream(["one ", "two"]);
  let text = "";
  for await (const chunk of await completion({ ...request, stream: true })) {
    text += asString(asObject(asObject(asArray(chunk.choices)[0])?.delta)?.content) ?? "";
  }
  expect(text).toBe("one two");
});

test("a tool call", async () => {
  const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } };
  const message = { role: "assistant", content: null, tool_calls: [call] };
  const choices = [{ index: 0, message, finish_reason: "tool_calls" }];
  upstream.handler = () => Response.json(chatAnswer("", { choices }));
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
  const answer = await completion({ ...request, tools });
  expect(answer.choices).toMatchObject([{ message: { tool_calls: [call] }, finish_reason: "tool_calls" }]);
  expect(upstream.requests[0]?.json?.tools).toEqual(tools);
});

test("an error, with the provider's own sentence", async () => {
  const error = { message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded" };
  upstream.handler = () => Response.json({ error }, { status: 429 });
  const failure = await completion(request).catch((reason: unknown) => reason);
  expect(failure).toMatchObject({ code: "rate_limit", message: expect.stringContaining("slow down") });
});
`;
}

/**
 * `rows.ts` with the provider's import, in the order of the other imports, and its name among the rows. Throws when
 * the file no longer has the shape that this knows.
 */
export function withRow(rows: string, id: string): string {
  const file = `./${fileName(id)}.ts`;
  const line = `import { ${exportName(id)} } from "${file}";`;
  const lines = rows.split("\n");
  const imports = lines.flatMap((text, index) => {
    const path = /^import .* from "(\.\/[^"]+)";$/.exec(text)?.[1];
    return path === undefined ? [] : [{ index, path }];
  });
  const last = imports.at(-1);
  const table = lines.indexOf("export const OPENAI_COMPATIBLE_ROWS: readonly OpenAiCompatibleRow[] = [");
  const spread = lines.findIndex((text, index) => index > table && /^ {2}\.\.\.\w+,$/.test(text));
  if (last === undefined || table < 0 || spread < 0) throw new Error("rows.ts has no list of rows to add to");
  const behind = imports.find(({ path }) => path > file);
  lines.splice(spread, 0, `  ${exportName(id)},`);
  lines.splice(behind?.index ?? last.index + 1, 0, line);
  return lines.join("\n");
}
