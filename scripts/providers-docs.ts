/**
 * Writes docs/providers.md from the registry: provider × capability, and what was replayed.
 *
 *     bun scripts/providers-docs.ts           writes the file
 *     bun scripts/providers-docs.ts --check   exits 1 when the file is not what would be written
 */
import { asArray, asObject, asString, type JsonObject, type MutableJsonObject, parseJson } from "../src/json/json.ts";
import type { Endpoint, Operation, Provider } from "../src/providers/provider.ts";
import { allProviders } from "../src/providers/registry.ts";

const PAGE = "docs/providers.md";
const REPLAYED = "test/conformance/replayed.json";
const DOCUMENTED = "test/providers/documented.json";

/** Operation → its column. */
const COLUMNS: readonly (readonly [Operation, string])[] = [
  ["chat", "chat"],
  ["completions", "text"],
  ["embeddings", "embed"],
  ["rerank", "rerank"],
  ["image-generation", "image"],
  ["image-edit", "edit"],
  ["transcription", "transcribe"],
  ["translation", "translate"],
  ["speech", "speech"],
  ["moderation", "moderate"],
  ["ocr", "OCR"],
  ["realtime", "realtime"],
  ["count-tokens", "count"],
];

/** A row of the table as Markdown. */
function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function formatsOf(endpoints: readonly Endpoint[]): string {
  return [...new Set(endpoints.map(({ format }) => format))].join(", ");
}

function capabilities(provider: Provider): string {
  const offered = COLUMNS.filter(([operation]) => (provider.endpoints[operation]?.length ?? 0) > 0);
  return offered.map(([, name]) => name).join(", ");
}

function keyOf(provider: Provider): string {
  const variables = provider.environment.key.map(code).join(", ");
  if (provider.key === "none") return "none";
  return provider.key === "optional" ? `${variables} (optional)` : variables;
}

function baseOf(provider: Provider): string {
  const base = provider.defaultBase;
  const variables = provider.environment.base.map(code).join(", ");
  const given = base === undefined ? "given" : code(base);
  return variables === "" ? given : `${given}; ${variables}`;
}

/** What of a provider was replayed, in words; `untested` where nothing was. */
function replayedOf(provider: Provider, replayed: JsonObject): string {
  const names = [provider.id, ...(provider.aliases ?? [])];
  const found = names.map((name) => asObject(replayed[name])).find((entry) => entry !== undefined);
  if (found === undefined) return "untested";
  const parts = Object.entries(found).flatMap(([what, count]) => {
    if (typeof count === "number") return count > 0 ? [`${what} ${count}`] : [];
    if (count === true) return [what];
    const text = asString(count);
    return text === undefined ? [] : [`${what}: ${text}`];
  });
  return parts.length === 0 ? "untested" : parts.join(", ");
}

/** The whole page. `replayed` maps a provider to what was replayed of it. */
export function providersPage(providers: readonly Provider[], replayed: JsonObject): string {
  const sorted = providers.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const rows = sorted.map((provider) =>
    row([
      [code(provider.id), ...(provider.aliases ?? []).map(code)].join(", "),
      provider.documentation.url.startsWith("https://")
        ? `[${provider.label}](${provider.documentation.url})`
        : provider.label,
      capabilities(provider),
      formatsOf([...(provider.endpoints.chat ?? []), ...(provider.endpoints.completions ?? [])]),
      keyOf(provider),
      baseOf(provider),
      replayedOf(provider, replayed),
    ]),
  );
  const untested = sorted.filter((provider) => replayedOf(provider, replayed) === "untested").length;
  return [
    "# Providers",
    "",
    "<!-- Written by scripts/providers-docs.ts from the registry. Do not edit: run `bun scripts/providers-docs.ts`. -->",
    "",
    `${sorted.length} providers, ${sorted.length - untested} of them with recorded or documented exchanges replayed in the tests. ` +
      "A model is written as `prefix/model`; the key and the base come from `litellm_params` (`api_key`, `api_base`), else from the first variable that is set. " +
      "`api_base` may stand with or without the endpoint's own path.",
    "",
    row(["prefix", "name", "offers", "formats of chat and text", "key", "base", "replayed"]),
    row(["---", "---", "---", "---", "---", "---", "---"]),
    ...rows,
    "",
    "*replayed* counts the exchanges that the tests play against the provider's own wire format; *documented* names what is played from the examples on the provider's own pages, *untested* means that neither was at hand and the row follows the provider's documentation.",
    "",
  ].join("\n");
}

async function readReplayed(): Promise<JsonObject> {
  const file = Bun.file(REPLAYED);
  if (!(await file.exists())) return {};
  const parsed = asObject(parseJson(await file.text()));
  if (parsed === undefined) throw new Error(`${REPLAYED} is not a JSON object`);
  return parsed;
}

/** What of a provider is replayed from its documentation, in the words of the column. */
async function readDocumented(): Promise<JsonObject> {
  const kinds: MutableJsonObject = {};
  for (const entry of asArray(parseJson(await Bun.file(DOCUMENTED).text()))) {
    const provider = asObject(entry) ?? {};
    const shown = [
      ...(provider.answer === undefined ? [] : ["chat"]),
      ...(provider.stream === undefined ? [] : ["stream"]),
      ...(provider.toolCall === undefined ? [] : ["tools"]),
      ...(provider.errors === undefined ? [] : ["error"]),
    ];
    kinds[asString(provider.id) ?? ""] = { documented: shown.join(", ") };
  }
  return kinds;
}

if (import.meta.main) {
  // Where there are recordings they say more than a page's examples.
  const page = providersPage(allProviders(), { ...(await readDocumented()), ...(await readReplayed()) });
  if (process.argv.includes("--check")) {
    const file = Bun.file(PAGE);
    const present = (await file.exists()) ? await file.text() : "";
    if (present !== page) {
      console.error(`${PAGE} is out of date: run bun scripts/providers-docs.ts`);
      process.exit(1);
    }
  } else {
    await Bun.write(PAGE, page);
  }
}
