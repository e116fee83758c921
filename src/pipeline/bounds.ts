import { upperBound } from "../pricing/cost.ts";
import { isFree } from "../pricing/price-sheet.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";
import { promptUpperBound } from "../usage/bounds.ts";
import { operationBounds, type UnitCounts } from "./operation-bounds.ts";
import type { RequestContext } from "./request-context.ts";

/** Output tokens that a call without `max_tokens` is expected to need at most. */
export const DEFAULT_OUTPUT_TOKENS = 4096;

/** The most that a call can consume, as far as its request says. */
export interface CallBounds {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Whether the caller set the output's bound itself. */
  readonly outputAsked: boolean;
  /** Answers that the call asks for at once; `outputTokens` is what they can have together. */
  readonly choices: number;
  /** Things other than tokens that it can be charged for. */
  readonly units?: UnitCounts;
}

/** What a lease was taken for. */
export interface Reserved {
  readonly prices: readonly (PriceSheet | undefined)[];
  readonly bounds: CallBounds;
  /** Output tokens that the model group can write at most, all choices together; undefined where that is not known. */
  readonly most: number | undefined;
}

/** What is reserved of an attempt: at its own deployment's prices, however the request was admitted. */
export function reservedFor({ settlement, context, target }: Attempt): Reserved {
  const bounds = attemptBounds(settlement, context);
  const cap = target.deployment.facts.maxOutputTokens;
  return { prices: [target.prices], bounds, most: cap === undefined ? undefined : cap * bounds.choices };
}

/** What an attempt can consume at most, as far as its request says. */
export function attemptBounds(settlement: Attempt["settlement"], context: RequestContext): CallBounds {
  // What a fallback replaces may be the prompt itself.
  return context.fellBack === true ? boundsOf(context) : (settlement.reserved?.bounds ?? boundsOf(context));
}

/** As much of an attempt as its reservation needs. */
export interface Attempt {
  readonly settlement: { readonly reserved: Reserved | undefined };
  readonly context: RequestContext;
  readonly target: { readonly deployment: Deployment; readonly prices: PriceSheet | undefined };
}

/** Whether the output can become more than what was reserved for it. */
export function canOutgrow({ bounds, most }: Reserved, context: RequestContext): boolean {
  return !bounds.outputAsked && context.outputCap === undefined && (most === undefined || bounds.outputTokens < most);
}

/** Room for fewer output tokens is no room for an answer. */
const FEWEST_OUTPUT_TOKENS = 16;

export function boundsOf(context: RequestContext): CallBounds {
  const { body } = context;
  const asked =
    context.outputCap ??
    positive(body.max_completion_tokens) ??
    positive(body.max_tokens) ??
    positive(body.max_output_tokens) ??
    geminiCap(body.generationConfig);
  const choices = Math.ceil(positive(body.n) ?? 1);
  const outputTokens = Math.ceil(asked ?? defaultOutput(context)) * choices;
  const special = context.operation === "chat" ? undefined : operationBounds(context);
  if (special !== undefined) return { outputTokens, ...special, outputAsked: asked !== undefined, choices };
  return { inputTokens: promptBound(context), outputTokens, outputAsked: asked !== undefined, choices };
}

function defaultOutput(context: RequestContext): number {
  const rules = context.principal.grant?.rules;
  return (
    positive(rules?.estimatedOutputPerModel[context.requestedModel]) ??
    positive(rules?.estimatedOutput) ??
    positive(context.snapshot.library.raw.default_estimated_output_tokens) ??
    DEFAULT_OUTPUT_TOKENS
  );
}

function positive(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

function geminiCap(config: unknown): number | undefined {
  if (typeof config !== "object" || config === null) return undefined;
  const { maxOutputTokens, max_output_tokens } = config as Record<string, unknown>;
  return positive(maxOutputTokens) ?? positive(max_output_tokens);
}

/** Media and tools cost more than their bytes show. */
function promptBound(context: RequestContext): number {
  return promptUpperBound(context.bytes, {
    tools: context.body.tools !== undefined || context.body.functions !== undefined,
    images: countImages(context),
  });
}

const caps = new WeakMap<readonly Deployment[], number | undefined>();

/** The most that any of the deployments can write in one answer; undefined where that is not known of all. */
export function outputCapOf(deployments: readonly Deployment[]): number | undefined {
  if (caps.has(deployments)) return caps.get(deployments);
  let most: number | undefined = 0;
  for (const { facts } of deployments) {
    if (facts.maxOutputTokens === undefined) most = undefined;
    else if (most !== undefined) most = Math.max(most, facts.maxOutputTokens);
  }
  const cap = most === 0 ? undefined : most;
  caps.set(deployments, cap);
  return cap;
}

/** The distinct prices of a group's deployments; `undefined` among them where one is unknown. */
const sheets = new WeakMap<readonly Deployment[], readonly (PriceSheet | undefined)[]>();

export function pricesOfGroup(deployments: readonly Deployment[]): readonly (PriceSheet | undefined)[] {
  let known = sheets.get(deployments);
  if (known === undefined) {
    known = [...new Set(deployments.map(({ prices }) => prices))];
    sheets.set(deployments, known);
  }
  return known;
}

/** Nano-dollars that a call costs at most with any of the prices. An unknown price bounds nothing. */
export function dearest(prices: readonly (PriceSheet | undefined)[], bounds: CallBounds): bigint {
  let most = 0n;
  for (const sheet of prices) {
    if (sheet === undefined) continue;
    const amount = upperBound(sheet, bounds);
    if (amount > most) most = amount;
  }
  return most;
}

/** The most output up to that of `bounds` that so many nano-dollars pay for; undefined when it is none. */
export function affordable(
  prices: readonly (PriceSheet | undefined)[],
  bounds: CallBounds,
  nano: bigint,
): number | undefined {
  const fits = (outputTokens: number): boolean => dearest(prices, { ...bounds, outputTokens }) <= nano;
  if (fits(bounds.outputTokens)) return bounds.outputTokens;
  if (!fits(FEWEST_OUTPUT_TOKENS)) return undefined;
  let low = FEWEST_OUTPUT_TOKENS;
  let high = bounds.outputTokens;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether every one of the prices is declared as 0. */
export function allFree(prices: readonly (PriceSheet | undefined)[]): boolean {
  return prices.every((sheet) => sheet !== undefined && isFree(sheet));
}

const IMAGE_MARKS = [
  '"image_url"',
  '"input_image"',
  '"inlineData"',
  '"inline_data"',
  '"fileData"',
  '"file_data"',
  '"image"',
];

/** Images of a request, by the words that name them; a conversation of plain texts is not searched. */
function countImages({ body, text }: RequestContext): number {
  if (onlyTexts(body.messages) || (!text.includes('"type"') && !text.includes("Data") && !text.includes("_data"))) {
    return 0;
  }
  let count = 0;
  for (const mark of IMAGE_MARKS) {
    for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length)) count++;
  }
  return count;
}

function onlyTexts(messages: unknown): boolean {
  if (!Array.isArray(messages)) return false;
  for (const message of messages as unknown[]) {
    if (typeof message !== "object" || message === null) return false;
    if (typeof (message as Record<string, unknown>).content !== "string") return false;
  }
  return true;
}
