import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "isthmus-package-"));
let upstream: Upstream;

/** The built package, as another program has it in its node_modules. */
beforeAll(async () => {
  upstream = startUpstream(({ path, json }) => {
    if (path.includes("embeddings")) {
      return Response.json({ data: [{ embedding: [1, 2, 3] }, { embedding: [4, 5, 6] }], usage: { prompt_tokens: 5 } });
    }
    if (path.includes("rerank")) return Response.json({ results: [{ index: 0, relevance_score: 0.9 }] });
    if (path.includes("responses")) {
      const content = [{ type: "output_text", text: "hello", annotations: [] }];
      const output = [{ type: "message", id: "msg_1", role: "assistant", status: "completed", content }];
      return Response.json({
        id: "resp_1",
        object: "response",
        created_at: 1,
        status: "completed",
        model: "m",
        output,
      });
    }
    if (path.includes("images")) return Response.json({ data: [{ url: "https://images.test/1.png" }] });
    if (path.includes("transcriptions")) return Response.json({ text: "spoken words" });
    return json?.stream === true ? chatStream(["one ", "two"]) : Response.json(chatAnswer("hello"));
  });
  const built = Bun.spawnSync([process.execPath, "scripts/build-package.ts"], { cwd: root, stderr: "pipe" });
  if (built.exitCode !== 0) throw new Error(built.stderr.toString());
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/isthmus"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "talk.mp3"), "sound");
}, 60_000);

afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(program: string, file: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn([program, file, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      OPENAI_API_KEY: "sk-x",
      OPENAI_API_BASE: `${upstream.url}/v1`,
      COHERE_API_KEY: "k",
      COHERE_API_BASE: upstream.url,
      GROQ_API_KEY: "k",
      GROQ_API_BASE: `${upstream.url}/v1`,
    },
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${out}\n${err}`);
  expect(err).toBe("");
  return out;
}

const node = Bun.which("node");
const runtimes: [string, string][] = [
  ["Bun", process.execPath],
  ...(node === null ? [] : [["Node", node] as [string, string]]),
];

describe.each(runtimes)("on %s", (_, program) => {
  test.each([
    ["completion", [], "hello\nthat cost $"],
    ["streaming", [], 'one two\nthat took {"input":10,"output":2}'],
    ["responses", [], "hello"],
    ["embedding", [], "2 vectors of 3 numbers"],
    ["rerank", [], "0.900 Paris is the capital of France."],
    ["image-generation", [], "https://images.test/1.png"],
    ["transcription", ["talk.mp3"], "spoken words"],
    ["router", [], "hello"],
  ])("the example %s works", async (name, args, said) => {
    const source = readFileSync(join(root, "examples", `${name}.mjs`), "utf8");
    writeFileSync(join(folder, `${name}.mjs`), source);
    expect(await run(program, `${name}.mjs`, ...args)).toContain(said);
  });
});

test("a bundle of one function leaves the others out, and nothing of it is a platform's own", async () => {
  writeFileSync(join(folder, "one.js"), 'import { embedding } from "isthmus"; globalThis.ask = embedding;');
  const bundled = await Bun.build({ entrypoints: [join(folder, "one.js")], target: "browser", minify: false });
  expect(bundled.success).toBe(true);
  let text = "";
  for (const output of bundled.outputs) text += await output.text();
  expect(text).not.toContain("no deployment is called");
  expect(text).not.toMatch(/from\s*"(?:node|bun):/);
});
