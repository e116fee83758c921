import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secretFiles } from "../../../src/config/secrets/secret-files.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-secret-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, crypto.randomUUID());
  writeFileSync(path, text);
  return path;
}

test("a file stands for the variable, without its last line break", () => {
  const { values, problems } = secretFiles({
    OPENAI_API_KEY_FILE: file("sk-one\n"),
    DATABASE_URL_FILE: file("postgres://u:p@h/d\r\n"),
    OTHER_FILE: file(" kept \n\n"),
  });
  expect(values).toEqual({ OPENAI_API_KEY: "sk-one", DATABASE_URL: "postgres://u:p@h/d", OTHER: " kept \n" });
  expect(problems).toEqual([]);
});

test("a variable that is set itself wins; an empty one does not", () => {
  const path = file("from the file");
  expect(secretFiles({ A_FILE: path, A: "set", B_FILE: path, B: "" }).values).toEqual({ B: "from the file" });
});

test("files for other programs are left alone", () => {
  const path = file("x");
  expect(secretFiles({ AWS_WEB_IDENTITY_TOKEN_FILE: path, SSL_CERT_FILE: path, _FILE: path }).values).toEqual({});
});

test("what cannot be read, or is no secret, is told by the variable's name", () => {
  const { values, problems } = secretFiles({
    LITELLM_SALT_FILE: join(folder, "nowhere"),
    GROQ_API_KEY_FILE: file("x".repeat(70_000)),
  });
  expect(values).toEqual({});
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain("LITELLM_SALT_FILE");
  expect(problems[1]).toContain("GROQ_API_KEY_FILE");
});

test("files of variables that may be another program's are not worth a word", () => {
  expect(secretFiles({ EDITOR_RC_FILE: join(folder, "nowhere"), LOG_FILE: file("x".repeat(70_000)) })).toEqual({
    values: {},
    problems: [],
  });
});
