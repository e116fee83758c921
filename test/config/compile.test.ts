import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { checkConfig } from "../../src/config/check.ts";
import { compileSnapshot, defaultSnapshot } from "../../src/config/compile.ts";
import { ConfigError, loadConfig } from "../../src/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes files and returns the path of the first. */
function write(files: Readonly<Record<string, string>>): string {
  const here = mkdtempSync(join(folder, "case-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(here, name, ".."), { recursive: true });
    writeFileSync(join(here, name), text);
  }
  return join(here, Object.keys(files)[0] as string);
}

const environment = { KEY: "sk-from-environment" };
const compile = (text: string, env: Record<string, string> = environment) =>
  compileSnapshot(loadConfig(write({ "config.yml": text })), { environment: env });

const model = (name: string, extra = ""): string =>
  `  - model_name: "${name}"\n    litellm_params:\n      model: openai/m\n      api_key: os.environ/KEY\n${extra}`;

describe("compileSnapshot", () => {
  test("groups, patterns, aliases, references and credentials", () => {
    const snapshot = compile(
      `defaults: &defaults\n  timeout: 30\nmodel_list:\n${model("a", "      <<: *defaults\n      weight: 10000\n")}${model("a")}${model("openai/*")}${model("*")}${model("openai/gpt-*")}` +
        `  - model_name: b\n    litellm_params: {model: anthropic/claude, litellm_credential_name: main}\n` +
        `credential_list:\n  - credential_name: main\n    credential_values: {api_key: os.environ/KEY}\n` +
        `router_settings:\n  model_group_alias: {x: a, y: {model: b, hidden: true}}\n  num_retries: 5\n`,
    );
    expect(snapshot.groups.get("a")?.length).toBe(2);
    expect(snapshot.groups.get("a")?.[0]?.settings).toMatchObject({ timeout: 30, weight: 10_000 });
    expect(snapshot.groups.get("a")?.[0]?.target.headers.authorization).toBe("Bearer sk-from-environment");
    expect(snapshot.groups.get("b")?.[0]?.target.headers["x-api-key"]).toBe("sk-from-environment");
    expect(snapshot.wildcards.map((wildcard) => wildcard.pattern)).toEqual(["openai/gpt-*", "openai/*", "*"]);
    expect([...snapshot.aliases]).toEqual([
      ["x", { model: "a", hidden: false }],
      ["y", { model: "b", hidden: true }],
    ]);
    expect(snapshot.router.numRetries).toBe(5);
    expect(JSON.stringify(snapshot.document)).not.toContain("sk-from-environment");
  });

  test("what is no key of LiteLLM's is a parameter of the provider; what is one does not go upstream", () => {
    const deployment = compile(
      `model_list:\n${model("a", "      temperature: 0.5\n      top_k: 3\n      rpm: 10\n      input_cost_per_token: 1e-6\n      thinking: {type: enabled}\n")}`,
    ).groups.get("a")?.[0];
    expect(deployment?.defaults).toEqual({ temperature: 0.5, top_k: 3, thinking: { type: "enabled" } });
    expect(deployment?.prices).toBeDefined();
  });

  test("a deployment that cannot be built is told with its place and skipped; the others serve", () => {
    const snapshot = compile(
      `model_list:\n${model("a")}  - model_name: bad\n    litellm_params:\n      model: opnai/m\n  - model_name: keyless\n    litellm_params:\n      model: groq/m\n`,
    );
    expect([...snapshot.groups.keys()]).toEqual(["a"]);
    const skipped = snapshot.diagnostics.filter((one) => one.code === "deployment_skipped");
    expect(skipped.map((one) => one.location?.line)).toEqual([8, 10]);
    expect(skipped[0]?.suggestion).toContain("openai");
    expect(skipped[1]?.message).toContain("GROQ_API_KEY");
  });

  test("unknown keys get a likely correction, later and ignored ones their reason", () => {
    const { diagnostics } = compile(
      "genral_settings: {}\nlitellm_settings:\n  drop_parms: true\n  llm_guard_mode: strict\n  json_logs: true\n",
    );
    const said = diagnostics.map((one) => [one.code, one.suggestion ?? one.message.split(" ")[0]]);
    expect(said).toEqual([
      ["unknown_key", "general_settings"],
      ["unknown_key", "drop_params"],
      ["not_yet", "litellm_settings.llm_guard_mode"],
      ["ignored_key", "litellm_settings.json_logs"],
    ]);
  });

  test("an unset variable is a warning with its place", () => {
    const { diagnostics } = compile("general_settings:\n  master_key: os.environ/NOWHERE\n");
    expect(diagnostics).toContainEqual(
      expect.objectContaining({ code: "missing_environment_variable", location: expect.objectContaining({ line: 2 }) }),
    );
  });

  test.each([
    ["a tab", "model_list:\n\t- model_name: a\n", 2],
    ["half a file", "model_list:\n  - model_name: a\n    litellm_params: {model: openai/m", 3],
    ["a key given twice", "litellm_settings: {}\nlitellm_settings: {}\n", 2],
    ["a map for a list", "model_list: {a: b}\n", 1],
    ["no litellm_params", "model_list:\n  - model_name: a\n", 2],
    ["a strategy that nobody knows", "router_settings:\n  routing_strategy: best\n", 2],
    ["fallbacks as a map", "router_settings:\n  fallbacks: {a: [b]}\n", 2],
    ["a list as the whole", "- a\n", 1],
  ])("%s refuses the file with its line", (_, text, line) => {
    let refused: unknown;
    try {
      compile(text);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(ConfigError);
    expect((refused as ConfigError).diagnostics[0]?.location?.line).toBe(line);
  });

  test("aliases that expand without end are refused, a byte order mark and CR LF are not", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
      .split("")
      .map((name, index) => `${name}: &${name} [${Array(10).fill(`*${"abcdefgh"[index]}`).join(",")}]`)
      .join("\n")}\n`;
    expect(() => compile(bomb)).toThrow(ConfigError);
    expect(compile(`\uFEFFmodel_list:\n${model("a")}`.replaceAll("\n", "\r\n")).groups.size).toBe(1);
  });

  test("without a configuration there are echo and the providers whose keys are at hand", () => {
    const snapshot = defaultSnapshot({ OPENAI_API_KEY: "x", ANTHROPIC_API_KEY: "y" });
    expect([...snapshot.groups.keys()]).toEqual(["echo"]);
    expect(snapshot.wildcards.map((wildcard) => wildcard.pattern).sort()).toEqual(["anthropic/*", "openai/*"]);
  });
});

describe("include", () => {
  test("lists grow, anything else is replaced with a warning, each file is read once, places are exact", () => {
    const path = write({
      "config.yml": `include: [models/a.yml, models/b.yml]\nmodel_list:\n${model("main")}general_settings: {max_request_size_mb: 1}\n`,
      "models/a.yml": `include: [b.yml]\nmodel_list:\n${model("a")}`,
      "models/b.yml": `model_list:\n${model("b")}  - model_name: bad\n    litellm_params: {model: nobody/x}\ngeneral_settings: {always_include_stream_usage: true}\n`,
    });
    const snapshot = compileSnapshot(loadConfig(path), { environment });
    expect([...snapshot.groups.keys()]).toEqual(["main", "a", "b"]);
    expect(snapshot.general.alwaysIncludeStreamUsage).toBe(true);
    expect(snapshot.general.maxRequestSizeBytes).toBe(512 * 1024 * 1024);
    expect(snapshot.diagnostics.find((one) => one.code === "include_replaces")?.message).toContain("general_settings");
    const skipped = snapshot.diagnostics.find((one) => one.code === "deployment_skipped");
    expect(skipped?.location?.file).toEndWith("models/b.yml");
    expect(skipped?.location?.line).toBe(7);
  });

  test("a missing file and a circle", () => {
    expect(() => loadConfig(write({ "config.yml": "include: [nowhere.yml]\n" }))).toThrow(
      "Included file not found: nowhere.yml",
    );
    expect(
      loadConfig(write({ "config.yml": "include: [other.yml]\n", "other.yml": "include: [config.yml]\n" })).files
        .length,
    ).toBe(2);
  });

  test("the merged list is the concatenation, whatever the lengths", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }), (lengths) => {
        const names = lengths.map((length, file) => Array.from({ length }, (_, index) => `m${file}-${index}`));
        const files: Record<string, string> = {
          "config.yml": `include: [${lengths
            .slice(1)
            .map((_, index) => `f${index + 1}.yml`)
            .join(", ")}]\nmodel_list: []\n`,
        };
        names.forEach((list, file) => {
          const text =
            list.length === 0 ? "model_list: []\n" : `model_list:\n${list.map((name) => model(name)).join("")}`;
          if (file > 0) files[`f${file}.yml`] = text;
        });
        const snapshot = compileSnapshot(loadConfig(write(files)), { environment });
        expect([...snapshot.groups.keys()]).toEqual(names.slice(1).flat());
      }),
      { numRuns: 20 },
    );
  });
});

describe("checkConfig", () => {
  test("status 0 for a good file, 1 for a problem", () => {
    expect(checkConfig(write({ "config.yml": `model_list:\n${model("a")}` }), environment).exitCode).toBe(0);
    expect(checkConfig(write({ "config.yml": "modl_list: []\n" }), environment).exitCode).toBe(1);
    expect(checkConfig(join(folder, "nowhere.yml"), environment).exitCode).toBe(1);
  });

  test("a deployment of 14 files, 195 deployments in 141 groups and 23 credentials is read in well under a second", () => {
    const files: Record<string, string> = {
      "config.yml": `include: [${Array.from({ length: 14 }, (_, index) => `models/${index}.yml`).join(", ")}]\ncredential_list:\n${Array.from({ length: 23 }, (_, index) => `  - credential_name: c${index}\n    credential_values: {api_key: os.environ/KEY}\n`).join("")}`,
    };
    let made = 0;
    for (let file = 0; file < 14; file++) {
      let text = "model_list:\n";
      for (let index = 0; index < 14 && made < 195; index++, made++) {
        text += `  - model_name: group-${made % 141}\n    litellm_params:\n      model: ${made === 77 ? "nobody/x" : "openai/gpt-4o-mini"}\n      litellm_credential_name: c${made % 23}\n      weight: ${1 + ((made * 997) % 10_000)}\n      input_cost_per_token: "3e-7"\n      output_cost_per_token: 1.5e-6\n      additional_drop_params: [user]\n      reasoning_effort: low\n`;
      }
      files[`models/${file}.yml`] = text;
    }
    const path = write(files);
    // The processor's time, since other tests may run beside this one.
    const before = process.cpuUsage();
    const snapshot = compileSnapshot(loadConfig(path), { environment });
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(800);
    expect(snapshot.deploymentsById.size).toBe(194);
    expect(snapshot.groups.size).toBe(140);
    expect(snapshot.files.length).toBe(15);
  });
});

const REAL = process.env.ISTHMUS_CONFIGS ?? "../shared/fixtures/configs";
const real = existsSync(REAL) ? readdirSync(REAL).filter((name) => /\.ya?ml$/.test(name)) : [];
if (real.length === 0) console.log("the configurations of public deployments are missing: they are not loaded");

describe.each(real)("the public deployment %s", (name) => {
  test("loads; with its variables set, what is skipped is skipped for want of a provider or an address", () => {
    const document = loadConfig(join(REAL, name));
    const variables: Record<string, string> = {};
    for (const [, variable] of JSON.stringify(document.value).matchAll(/os\.environ\/(\w+)/g))
      variables[variable as string] = /BASE|URL|HOST|ENDPOINT/.test(variable as string) ? "http://127.0.0.1:1" : "sk-x";
    for (const provider of [
      "OPENAI",
      "ANTHROPIC",
      "GROQ",
      "GEMINI",
      "OPENROUTER",
      "MISTRAL",
      "DEEPSEEK",
      "TOGETHERAI",
      "COHERE",
      "XAI",
    ])
      variables[`${provider}_API_KEY`] = "sk-x";
    const snapshot = compileSnapshot(document, { environment: variables });
    const skipped = snapshot.diagnostics.filter((one) => one.code === "deployment_skipped").map((one) => one.message);
    expect(
      skipped.filter(
        (message) => !/is no known provider|LLM Provider NOT provided|has no API key|has no address/.test(message),
      ),
    ).toEqual([]);
    expect(snapshot.diagnostics.every((one) => one.location !== undefined)).toBe(true);
  });
});
