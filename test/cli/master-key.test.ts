import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decideMasterKey, isLoopback } from "../../src/cli/master-key.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-key-"));
afterAll(() => rmSync(folder, { recursive: true }));
const input = { configured: undefined, permitWeak: false, loopback: false, dataDir: folder };

describe("decideMasterKey", () => {
  test("an unset key is made once, kept with mode 0600 and used again", () => {
    const first = decideMasterKey(input);
    const second = decideMasterKey({ ...input, configured: "  " });
    const made = first.kind === "use" ? first.key : "";
    expect(made).toMatch(/^sk-[0-9a-f]{48}$/);
    expect(second).toEqual(first);
    expect(statSync(join(folder, "master-key")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "master-key"), "utf8").trim()).toBe(made);
  });

  test("a well-known key is refused on an open address", () => {
    expect(decideMasterKey({ ...input, configured: "sk-1234" })).toMatchObject({ kind: "refuse" });
  });

  test("and taken with a warning on a loopback address or with LiteLLM's switch", () => {
    expect(decideMasterKey({ ...input, configured: "sk-1234", loopback: true })).toMatchObject({
      kind: "use",
      warning: expect.any(String),
    });
    expect(decideMasterKey({ ...input, configured: "sk-1234", permitWeak: true })).toMatchObject({
      kind: "use",
      warning: expect.any(String),
    });
  });

  test("any other key is used as it is", () => {
    expect(decideMasterKey({ ...input, configured: "sk-mine" })).toEqual({
      kind: "use",
      key: "sk-mine",
      origin: "configured",
    });
  });
});

test("isLoopback", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "localhost", "::1"]) expect(isLoopback(host)).toBe(true);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "example.org"]) expect(isLoopback(host)).toBe(false);
});
