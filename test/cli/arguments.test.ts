import { describe, expect, test } from "bun:test";
import { parseCommandLine, UsageError } from "../../src/cli/arguments.ts";

describe("parseCommandLine", () => {
  test("a container's command line without a command serves", () => {
    expect(parseCommandLine(["--config", "/app/config.yaml", "--port", "4000", "--detailed_debug"], {})).toMatchObject({
      name: "serve",
      options: { config: "/app/config.yaml", port: 4000, logLevel: "trace", host: undefined, workers: 1 },
    });
  });

  test("flags beat the environment, the environment beats the default", () => {
    expect(parseCommandLine(["serve", "--port", "1"], { PORT: "2", NUM_WORKERS: "3", HOST: "::1" })).toMatchObject({
      options: { port: 1, workers: 3, host: "::1" },
    });
  });

  test.each([
    [["serve", "--port", "abc"], "--port"],
    [["serve", "--port", "70000"], "--port"],
    [["serve", "--num_workers", "0"], "--num_workers"],
    [["serve", "--nonsense"], "nonsense"],
    [["serve", "my.yml"], "--config my.yml"],
    [["frobnicate"], "frobnicate"],
    [["check"], "configuration file"],
    [["serve", "--ssl_keyfile_path", "k"], "--ssl_certfile_path"],
  ])("%j is a usage error that says what is wrong", (argv, said) => {
    expect(() => parseCommandLine(argv, {})).toThrow(UsageError);
    expect(() => parseCommandLine(argv, {})).toThrow(said);
  });
});
