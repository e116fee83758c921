import type { SqlValue } from "./object-table.ts";

/** Where in a list the row stands that its order and its key name: so many rows are before it, it included. */
export interface Place {
  readonly offset: number;
  readonly value: SqlValue;
  readonly key: string;
}

/** Rows between two places that are remembered: what a page has to skip at most, once somebody was there. */
const STEP = 5_000;
/** Places of one list, and lists. */
const PLACES_KEPT = 2_000;
const LISTS_KEPT = 50;

/**
 * Remembers where far pages of long lists begin, so that whoever pages through a list, or jumps in it again, does not
 * skip all rows before it each time. Who asks names the list so that another name is asked for once rows have changed.
 */
export class PagePlaces {
  readonly #lists = new Map<string, { readonly places: Place[]; readonly since: number }>();
  readonly #maxAgeMs: number;

  /** `maxAgeMs`: after which time a list is gone through anew, whatever its name. */
  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  /** The last known place at or before an offset; undefined near the beginning, or behind the end. */
  async before(
    list: string,
    offset: number,
    /** The place so many rows behind another, or behind the beginning; undefined behind the end. */
    step: (from: Place | undefined, rows: number) => Promise<Omit<Place, "offset"> | undefined>,
  ): Promise<Place | undefined> {
    if (offset < STEP) return undefined;
    const places = this.#placesOf(list);
    for (;;) {
      const last = places.at(-1);
      const reached = last?.offset ?? 0;
      if (reached + STEP > offset || places.length >= PLACES_KEPT) break;
      const next = await step(last, STEP);
      if (next === undefined) break;
      // Somebody else may have gone the same way meanwhile.
      if (places.at(-1) === last) places.push({ offset: reached + STEP, ...next });
    }
    return places.findLast((place) => place.offset <= offset);
  }

  #placesOf(list: string): Place[] {
    const known = this.#lists.get(list);
    const now = performance.now();
    if (known !== undefined && now - known.since < this.#maxAgeMs) return known.places;
    if (this.#lists.size >= LISTS_KEPT) this.#lists.clear();
    const places: Place[] = [];
    this.#lists.set(list, { places, since: now });
    return places;
  }
}
