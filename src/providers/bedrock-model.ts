/** What a Bedrock model string says (`bedrock/` already taken off). */
export interface BedrockModel {
  /** A route that the string forces. */
  readonly route?: "converse" | "invoke" | "mantle" | "agent";
  /** A region that the string names: `eu-west-1/anthropic.claude-…`, or the one inside an ARN. */
  readonly region?: string;
  /** The maker whose wire form the model speaks: `anthropic`, `meta`, `nova` … */
  readonly maker: string;
  /** What goes into the address: a model id, an inference profile or an ARN. */
  readonly id: string;
  /** The id without geography (`us.`, `global.`): what look-ups know. */
  readonly bare: string;
}

const ROUTE = /^(converse_like|converse|invoke|mantle|agentcore|agent)\//;
const REGION = /^([a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d)\//;
const COMMITMENT = /^\d+-month-commitment\//;
const GEOGRAPHY = /^(?:us|eu|apac|au|jp|ca|sa|global|us-gov)\.(?=[a-z0-9]+\.)/;
/** LiteLLM's words in front of an ARN or a deployment's name, which tell what is behind it. */
const MAKER = /^(anthropic|meta|llama|amazon|nova|titan|cohere|mistral|ai21|deepseek_r1|qwen2|qwen3|openai|moonshot)\//;
const ARN_REGION = /^arn:[^:]*:[^:]*:([^:]+):/;

/** Takes a model string apart. `named` (a base model) tells the maker where the id does not. */
export function parseBedrockModel(model: string, named?: string): BedrockModel {
  let id = model;
  let route: BedrockModel["route"];
  let region: string | undefined;
  const take = (form: RegExp): string | undefined => {
    const found = form.exec(id);
    if (found !== null) id = id.slice(found[0].length);
    return found === null ? undefined : (found[1] ?? "");
  };
  const routed = take(ROUTE);
  if (routed !== undefined) route = routeOf(routed);
  region = take(REGION);
  take(COMMITMENT);
  const maker = take(MAKER);
  region ??= ARN_REGION.exec(id)?.[1];
  const bare = id.replace(GEOGRAPHY, "");
  return {
    ...(route === undefined ? {} : { route }),
    ...(region === undefined ? {} : { region }),
    maker: maker === undefined ? makerOf(bare, named) : (ALIASES[maker] ?? maker),
    id,
    bare,
  };
}

const ALIASES: Readonly<Record<string, string>> = { llama: "meta", deepseek_r1: "deepseek-r1", moonshot: "moonshotai" };

function routeOf(word: string): NonNullable<BedrockModel["route"]> {
  if (word.startsWith("converse")) return "converse";
  if (word.startsWith("agent")) return "agent";
  return word === "invoke" ? "invoke" : "mantle";
}

function makerOf(bare: string, named: string | undefined): string {
  // Inside the ARN of a foundation model or of a system's inference profile stands its id.
  const inArn =
    /(?:foundation-model|inference-profile)\/(?:(?:us|eu|apac|au|jp|ca|sa|global|us-gov)\.)?([a-z0-9]+\.[^/]+)$/;
  const id = inArn.exec(bare)?.[1] ?? bare;
  const maker = /^([a-z0-9]+)\./.exec(id)?.[1];
  if (maker === "amazon") return /^amazon\.([a-z]+)/.exec(id)?.[1] === "nova" ? "nova" : "titan";
  if (maker !== undefined) return maker;
  if (/claude/.test(id)) return "anthropic";
  return named === undefined || named === bare ? "" : makerOf(named.replace(GEOGRAPHY, ""), undefined);
}

/** `us.anthropic.claude-…`, `arn:aws:bedrock:…/…`: one segment of a path, with everything encoded. */
export function encodeModelId(id: string): string {
  return encodeURIComponent(id);
}
