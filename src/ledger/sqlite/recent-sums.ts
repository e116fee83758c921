import { GROUP_COLUMNS, HOUR_MS, MEASURE_NAMES, type MEASURES } from "../rollup-statements.ts";
import { type ColumnValue, SPEND_COLUMNS, type SpendColumn } from "../spend-row.ts";

/** Groups in memory. More would take longer to write than a transaction may, so the rows are read instead. */
const MOST_GROUPS = 512;

const LARGEST_INTEGER = 2n ** 63n - 1n;

const at = (column: SpendColumn): number => SPEND_COLUMNS.indexOf(column);

const GROUPED = GROUP_COLUMNS.map(at);
const STARTED_AT = at("started_at");
const ENDED_AT = at("ended_at");
const STATUS = at("status");
const ESTIMATED = at("estimated");
const CACHE_HIT = at("cache_hit");
const COST = at("cost_nano");
const PROMPT_TOKENS = at("prompt_tokens");
const COMPLETION_TOKENS = at("completion_tokens");
const TOTAL_TOKENS = at("total_tokens");
const CACHE_READ_TOKENS = at("cache_read_tokens");
const CACHE_WRITE_TOKENS = at("cache_write_tokens");

type Measures = Record<Exclude<keyof typeof MEASURES, "cost_nano">, number> & { cost_nano: bigint };

/** Rows of one hour that agree in all grouped columns. */
interface Group {
  readonly hour: number;
  readonly columns: readonly ColumnValue[];
  readonly sums: Measures;
}

/**
 * The sums of the rows that one connection wrote since a watermark, added up as they are written, so that the rollups
 * need not read them again. They only count while nobody else's row lies among them.
 */
export class RecentSums {
  /** The watermark behind which the sums begin; undefined while they are of no use. */
  #from: bigint | undefined;
  #rows = 0n;
  #last: Group | undefined;
  readonly #groups = new Map<string, Group>();

  /** Begins anew behind a watermark that has every row written so far. */
  begin(from: bigint): void {
    this.forget();
    this.#from = from;
  }

  /** The sums are of no use until `begin`. */
  forget(): void {
    this.#from = undefined;
    this.#rows = 0n;
    this.#last = undefined;
    this.#groups.clear();
  }

  /** Adds a row that was committed: the values of `SPEND_COLUMNS`. An interrupted one may be replaced yet. */
  add(row: readonly ColumnValue[]): void {
    if (this.#from === undefined) return;
    const group = row[STATUS] === "interrupted" ? undefined : this.#groupOf(row);
    if (group === undefined || group.sums.cost_nano + (row[COST] as bigint) > LARGEST_INTEGER) {
      this.forget();
      return;
    }
    this.#rows++;
    addTo(group.sums, row);
  }

  /** Whether the rows in `(watermark, newest]` are exactly those that were added: each number of them is taken. */
  covers(watermark: bigint, newest: bigint): boolean {
    return this.#from === watermark && newest - watermark === this.#rows;
  }

  /** The hour, the values of `GROUP_COLUMNS` and those of `MEASURE_NAMES`, for each group. */
  *values(): Generator<ColumnValue[]> {
    for (const { hour, columns, sums } of this.#groups.values()) {
      yield [hour, ...columns, ...MEASURE_NAMES.map((name) => sums[name])];
    }
  }

  #groupOf(row: readonly ColumnValue[]): Group | undefined {
    const startedAt = row[STARTED_AT] as number;
    const hour = startedAt - (startedAt % HOUR_MS);
    // Most rows are like the one before.
    if (this.#last !== undefined && this.#last.hour === hour && isOf(this.#last, row)) return this.#last;
    const columns = GROUPED.map((index) => row[index] as ColumnValue);
    const name = JSON.stringify([hour, columns]);
    let group = this.#groups.get(name);
    if (group === undefined) {
      if (this.#groups.size === MOST_GROUPS) return undefined;
      group = { hour, columns, sums: nothing() };
      this.#groups.set(name, group);
    }
    this.#last = group;
    return group;
  }
}

function isOf({ columns }: Group, row: readonly ColumnValue[]): boolean {
  for (let index = 0; index < GROUPED.length; index++) {
    if (columns[index] !== row[GROUPED[index] as number]) return false;
  }
  return true;
}

/** What `MEASURES` says in SQL. */
function addTo(sums: Measures, row: readonly ColumnValue[]): void {
  const status = row[STATUS];
  sums.requests++;
  if (status === "success") sums.successes++;
  else if (status === "failure") sums.failures++;
  else if (status === "cancelled") sums.cancellations++;
  sums.estimates += row[ESTIMATED] as number;
  sums.cache_hits += (row[CACHE_HIT] as number | null) ?? 0;
  sums.cost_nano += row[COST] as bigint;
  sums.prompt_tokens += row[PROMPT_TOKENS] as number;
  sums.completion_tokens += row[COMPLETION_TOKENS] as number;
  sums.total_tokens += row[TOTAL_TOKENS] as number;
  sums.cache_read_tokens += row[CACHE_READ_TOKENS] as number;
  sums.cache_write_tokens += row[CACHE_WRITE_TOKENS] as number;
  sums.duration_ms += Math.max(0, (row[ENDED_AT] as number) - (row[STARTED_AT] as number));
}

function nothing(): Measures {
  return {
    requests: 0,
    successes: 0,
    failures: 0,
    cancellations: 0,
    interruptions: 0,
    estimates: 0,
    cache_hits: 0,
    cost_nano: 0n,
    prompt_tokens: 0,
    completion_tokens: 0,
    total_tokens: 0,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    duration_ms: 0,
  };
}
