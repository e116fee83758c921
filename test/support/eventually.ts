/** Waits until the condition holds, and throws when it does not within the (generous) bound. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  options: { readonly seconds?: number; readonly what?: string } = {},
): Promise<void> {
  const until = performance.now() + (options.seconds ?? 20) * 1000;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`did not come true in time: ${options.what ?? String(condition)}`);
    await Bun.sleep(10);
  }
}
