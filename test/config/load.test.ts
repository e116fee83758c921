import { describe, expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { ConfigError, loadConfig } from "../../src/config/load.ts";
import { entry, loadTexts, placeOf, refusalOf, temporaryFolder } from "./files.ts";

const folder = temporaryFolder();

describe("one file", () => {
  test.each([
    ["a tab", "model_list:\n\t- model_name: a\n", "yaml_syntax", "2:1"],
    ["an open bracket", "a: 1\nb: {c: 2", "yaml_syntax", "2:9"],
    ["an unknown tag", "a: !Ref b\n", "yaml_syntax", "1:4"],
    ["two documents", "a: 1\n---\nb: 2\n", "yaml_syntax", "2:1"],
    ["a name given twice", "a: 1\nb: 2\na: 3\n", "duplicate_key", "3:1"],
    ["a name given twice deep inside", "a:\n  - b: {c: 1, d: 2, c: 3}\n", "duplicate_key", "2:21"],
    ["a list as the whole", "- a\n", "invalid_type", "1:1"],
    ["a text as the whole", "hello\n", "invalid_type", "1:1"],
    ["nothing", "", "empty_file", "1:1"],
    ["nothing but comments", "# later\n", "empty_file", "1:1"],
    ["an alias to nothing", "a: *b\n", "yaml_alias", "1:4"],
    ["an alias inside its own anchor", "a: &a\n  b: *a\n", "yaml_alias", "2:6"],
    ["a merge of text", "a:\n  <<: b\n", "yaml_merge", "2:3"],
    ["a number without end", "a: .inf\n", "yaml_number", "1:4"],
    ["a map as a name", "? {a: b}\n: c\n", "yaml_key", "1:1"],
    ["the name of the prototype", "__proto__: {drop_params: true}\n", "yaml_key", "1:1"],
  ])("%s is refused with its place", (_, text, code, place) => {
    const [first] = refusalOf(() => loadTexts({ "c.yml": text }));
    expect([first?.code, first && placeOf(first)]).toEqual([code, place]);
  });

  test("a file that is not there, a folder, and bytes that are no UTF-8", () => {
    expect(refusalOf(() => loadConfig(join(folder.path, "nowhere.yml")))[0]?.code).toBe("file_missing");
    expect(refusalOf(() => loadConfig(folder.path))[0]?.code).toBe("file_unreadable");
    const path = join(folder.path, "latin.yml");
    writeFileSync(path, new Uint8Array([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
    expect(refusalOf(() => loadConfig(path))[0]?.code).toBe("file_unreadable");
  });

  test("a byte order mark and CR LF change neither values nor places", () => {
    const text = `general_settings:\n  master_key: x\nmodel_list:\n${entry("a")}`;
    const plain = loadTexts({ "c.yml": text });
    const windows = loadTexts({ "c.yml": `\uFEFF${text.replaceAll("\n", "\r\n")}` });
    expect(windows.value).toEqual(plain.value);
    const path = ["model_list", 0, "litellm_params", "model"];
    expect(windows.locate(path)).toEqual(plain.locate(path));
  });

  test("names are what is written, not what YAML makes of them", () => {
    expect(loadTexts({ "c.yml": "a: {2024: x, true: y, 1.50: z, null: n}\n" }).value).toEqual({
      a: { 2024: "x", true: "y", "1.50": "z", null: "n" },
    });
  });

  test("every beginning of a file is read or refused, and never anything else", () => {
    const text = `defaults: &d {timeout: 3, tags: [a, "b"]}\nmodel_list:\n${entry("a", "      <<: *d\n")}${entry("b")}# end\n`;
    for (let end = 0; end < text.length; end++) {
      try {
        loadTexts({ "c.yml": text.slice(0, end) });
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        for (const { location } of (error as ConfigError).diagnostics) {
          expect(location?.line).toBeGreaterThan(0);
          expect(location?.line).toBeLessThanOrEqual(text.slice(0, end).split("\n").length);
        }
      }
    }
  });

  test("any text is read or refused", () => {
    const piece = fc.constantFrom(
      "a",
      ":",
      " ",
      "\n",
      "-",
      "- ",
      ": ",
      "[",
      "]",
      "{",
      "}",
      "&a ",
      "*a",
      "<<: ",
      "\t",
      '"',
      "'",
      "|\n",
      "#",
      "!x ",
      "?",
      "\0",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          expect(loadTexts({ "c.yml": pieces.join("") }).value).toBeObject();
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("lists nested a hundred thousand deep are refused", () => {
    expect(refusalOf(() => loadTexts({ "c.yml": `a: ${"[".repeat(100_000)}` }))).not.toBeEmpty();
    expect(refusalOf(() => loadTexts({ "c.yml": `a: ${"[".repeat(500)}${"]".repeat(500)}` }))[0]?.code).toBe(
      "yaml_depth",
    );
  });

  test("ten megabytes are read in bearable time, a hundred thousand names in one map too", () => {
    const text = `model_list:\n${entry("model").repeat(100_000)}`;
    expect(text.length).toBeGreaterThan(8_000_000);
    const started = performance.now();
    expect((loadTexts({ "c.yml": text }).value.model_list as unknown[]).length).toBe(100_000);
    const names = Array.from({ length: 100_000 }, (_, index) => `  k${index}: v\n`).join("");
    loadTexts({ "c.yml": `environment_variables:\n${names}` });
    expect(performance.now() - started).toBeLessThan(30_000);
  }, 60_000);
});

describe("anchors", () => {
  test("a map that is merged is overridden by its own members; of a list of merges the first wins", () => {
    const text = "a: &a {x: 1, y: 1, z: 1}\nb: &b {x: 2, w: 2}\nc: {<<: [*b, *a], y: 3}\nd: {y: 4, <<: *a}\n";
    const { value } = loadTexts({ "c.yml": text });
    expect(value.c).toEqual({ x: 2, y: 3, z: 1, w: 2 });
    expect(value.d).toEqual({ x: 1, y: 4, z: 1 });
  });

  test("an anchor that is set again counts from there on", () => {
    expect(loadTexts({ "c.yml": "a: &x 1\nb: *x\nc: &x 2\nd: *x\n" }).value).toEqual({ a: 1, b: 1, c: 2, d: 2 });
  });

  test("what is merged has the place where it stands", () => {
    const document = loadTexts({ "c.yml": "d: &d\n  timeout: 3\nm:\n  - <<: *d\n    x: 1\nn: *d\n" });
    expect(document.locate(["m", 0, "timeout"])).toMatchObject({ line: 2, column: 3 });
    expect(document.locate(["m", 0, "timeout"], "value")).toMatchObject({ line: 2, column: 12 });
    expect(document.locate(["m", 0, "x"])).toMatchObject({ line: 5, column: 5 });
    expect(document.locate(["n", "timeout"])).toMatchObject({ line: 2, column: 3 });
  });

  test("ten thousand uses of one anchor are read, a billion laughs are refused at once", () => {
    const uses = Array.from({ length: 10_000 }, () => "  - {<<: *d, x: 1}\n").join("");
    expect((loadTexts({ "c.yml": `d: &d {a: 1, b: 2}\nm:\n${uses}` }).value.m as unknown[]).length).toBe(10_000);
    const laughs = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
    for (const [from, to] of ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"] as const)
      laughs.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(",")}]`);
    const before = process.cpuUsage();
    expect(refusalOf(() => loadTexts({ "c.yml": `${laughs.join("\n")}\n` }))[0]?.code).toBe("yaml_aliases");
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  });
});

describe("include", () => {
  test("lists grow in order, anything else is replaced, which is told with both files and the key", () => {
    const document = loadTexts({
      "config.yml": "include: [a.yml, b.yml]\nlist: [main]\ngeneral_settings: {master_key: x}\nnew: null\n",
      "a.yml": "list: [a]\ngeneral_settings: {completion_model: m}\nnew: 1\n",
      "b.yml": "list: [b]\nother: 2\n",
    });
    expect(document.value).toEqual({
      list: ["main", "a", "b"],
      general_settings: { completion_model: "m" },
      new: 1,
      other: 2,
    });
    expect(document.diagnostics).toHaveLength(1);
    const [replaced] = document.diagnostics;
    expect([replaced?.code, replaced?.severity]).toEqual(["include_replaces", "warning"]);
    expect(replaced?.message).toContain("general_settings");
    expect(replaced?.message).toContain("/memory/a.yml");
    expect(replaced?.message).toContain("/memory/config.yml sets in line 3");
    expect(replaced?.location).toEqual({ file: "/memory/a.yml", line: 2, column: 1 });
  });

  test("an include is relative to the file that has it, else to the main one; its files come right after it", () => {
    const document = loadTexts({
      "config.yml": "include: [sub/a.yml, c.yml]\nlist: [main]\n",
      "sub/a.yml": "include: [b.yml, d.yml]\nlist: [a]\n",
      "sub/b.yml": "list: [b]\n",
      "c.yml": "list: [c]\n",
      "d.yml": "list: [d]\n",
    });
    expect(document.value.list).toEqual(["main", "a", "b", "d", "c"]);
    expect(document.files).toEqual(
      ["config.yml", "sub/a.yml", "sub/b.yml", "d.yml", "c.yml"].map((name) => `/memory/${name}`),
    );
  });

  test("circles and files that are named twice are read once", () => {
    const document = loadTexts({
      "config.yml": "include: [a.yml, a.yml, ./b.yml]\nlist: [main]\n",
      "a.yml": "include: [b.yml, config.yml, a.yml]\nlist: [a]\n",
      "b.yml": "include: [a.yml]\nlist: [b]\n",
    });
    expect(document.value.list).toEqual(["main", "a", "b"]);
  });

  test.each([
    [
      "a file that is not there",
      "a: 1\ninclude:\n  - nowhere.yml\n",
      "file_missing",
      "3:5",
      "Included file not found: nowhere.yml",
    ],
    ["no list", "include: a.yml\n", "invalid_type", "1:10", "include must be a list"],
    ["no name", "include: [1]\n", "invalid_type", "1:11", "include[0]"],
  ])("%s is refused", (_, text, code, place, message) => {
    const [first] = refusalOf(() => loadTexts({ "config.yml": text }));
    expect([first?.code, first && placeOf(first)]).toEqual([code, place]);
    expect(first?.message).toContain(message);
  });

  test("a fault of an included file has that file's place", () => {
    const [first] = refusalOf(() => loadTexts({ "config.yml": "include: [a.yml]\n", "a.yml": "x: 1\nx: 2\n" }));
    expect(first?.location).toEqual({ file: "/memory/a.yml", line: 2, column: 1 });
  });

  test("on disk, through a link", () => {
    const path = folder.write({ "config.yml": "include: [link.yml]\nlist: [a]\n", "real/b.yml": "list: [b]\n" });
    symlinkSync(join(dirname(path), "real/b.yml"), join(dirname(path), "link.yml"));
    expect(loadConfig(path).value.list).toEqual(["a", "b"]);
  });

  test("merged lists are the concatenation, and every item keeps its own place", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 0, max: 5 }), (counts, blank) => {
        const names = counts.map((count, file) => Array.from({ length: count }, (_, index) => `f${file}-${index}`));
        const files = names.map((items, file) => {
          const head =
            file === 0 && names.length > 1
              ? `include: [${names
                  .slice(1)
                  .map((_, other) => `f${other + 1}.yml`)
                  .join(", ")}]\n`
              : "x: 1\n";
          return `${"\n".repeat(blank)}${head}list:${items.length === 0 ? " []" : ""}\n${items.map((name) => `  - name: ${name}\n`).join("")}`;
        });
        const document = loadTexts(Object.fromEntries(files.map((text, file) => [`f${file}.yml`, text])));
        const merged = document.value.list as { name: string }[];
        expect(merged.map(({ name }) => name)).toEqual(names.flat());
        merged.forEach(({ name }, index) => {
          const { file, line, column } = document.locate(["list", index, "name"], "value");
          const source = files[Number(/f(\d)\.yml/.exec(file)?.[1])]?.split("\n")[line - 1];
          expect(source?.slice(column - 1)).toBe(name);
        });
      }),
      { numRuns: 60 },
    );
  });
});
