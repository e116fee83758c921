import { type Bucket, TOKEN_BUCKETS, type Usage } from "./usage.ts";

/** No call consumes more of anything: prompts have millions of tokens at most, pictures some hundred million pixels. */
const MOST = 1_000_000_000;
/** Dollars that no call costs. */
const DEAREST = 1_000_000;

const TOKENS: ReadonlySet<string> = new Set(TOKEN_BUCKETS);

/**
 * A provider's word on what a call consumed, as far as it can be true: the very same object where nothing is wrong with
 * it, fractions of tokens rounded up, a total or a price that cannot be left out. Undefined where a bucket is negative, no
 * number, or more than any call can consume: then the usage is not known.
 */
export function believableUsage(usage: Usage): Usage | undefined {
  let fractions = false;
  for (const name in usage.buckets) {
    const count = usage.buckets[name as Bucket];
    if (count === undefined) continue;
    if (typeof count !== "number" || !(count >= 0 && count <= MOST)) return undefined;
    if (!Number.isInteger(count) && TOKENS.has(name)) fractions = true;
  }
  const total = usage.reportedTotalTokens;
  const cost = usage.reportedCost;
  const totalHolds = total === undefined || (Number.isInteger(total) && total >= 0 && total <= MOST);
  const costHolds = cost === undefined || (Number(cost) >= 0 && Number(cost) <= DEAREST);
  if (!fractions && totalHolds && costHolds) return usage;
  const { reportedTotalTokens, reportedCost, buckets, ...rest } = usage;
  return {
    ...rest,
    buckets: fractions ? wholeTokens(buckets) : buckets,
    ...(totalHolds && reportedTotalTokens !== undefined ? { reportedTotalTokens } : {}),
    ...(costHolds && reportedCost !== undefined ? { reportedCost } : {}),
  };
}

function wholeTokens(buckets: Usage["buckets"]): Usage["buckets"] {
  return Object.fromEntries(
    Object.entries(buckets).map(([name, count]) => [name, TOKENS.has(name) ? Math.ceil(count) : count]),
  );
}
