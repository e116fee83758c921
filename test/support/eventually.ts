/** Waits until there is something that counts (not false, not undefined) and returns it; throws after a generous bound. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  options: { readonly seconds?: number; readonly what?: string } = {},
): Promise<Exclude<T, undefined | false>> {
  const until = performance.now() + (options.seconds ?? 20) * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() > until) throw new Error(`did not come true in time: ${options.what ?? String(look)}`);
    await Bun.sleep(10);
  }
}
