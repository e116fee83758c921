/** The candidates with the lowest figure, at least one of the given. */
export function lowest<C>(candidates: readonly C[], figure: (candidate: C) => number): readonly C[] {
  let best = Number.POSITIVE_INFINITY;
  let found: C[] = [];
  for (const candidate of candidates) {
    const value = figure(candidate);
    if (value < best) {
      best = value;
      found = [candidate];
    } else if (value === best) {
      found.push(candidate);
    }
  }
  return found.length === 0 ? candidates : found;
}

/** One of them, each as likely as the others. `random` is uniform in [0, 1). */
export function anyOf<C>(candidates: readonly C[], random: number): C {
  const chosen = candidates[Math.floor(random * candidates.length)] ?? candidates[0];
  if (chosen === undefined) throw new RangeError("a strategy needs at least one candidate");
  return chosen;
}
