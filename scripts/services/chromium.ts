import { findOrInstall, isRoot } from "./debian-package.ts";
import type { Service } from "./service.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The browser; the tests start it themselves. */
export async function findChromium(): Promise<Service> {
  const path = await findOrInstall(
    () => NAMES.map((name) => Bun.which(name)).find((found) => found !== null) ?? undefined,
    "chromium",
  );
  return {
    // Chromium's sandbox does not start as root.
    env: { TEST_CHROMIUM: path, TEST_CHROMIUM_ARGS: isRoot() ? "--no-sandbox" : "" },
    stop: async () => undefined,
  };
}
