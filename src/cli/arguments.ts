import { parseArgs } from "node:util";
import { describeSubCommands, SUB_COMMANDS } from "./commands.ts";

/** What the command line says. */
export type Command =
  | { readonly name: "serve"; readonly options: ServeOptions }
  | { readonly name: "check"; readonly file: string }
  | { readonly name: "other"; readonly command: string; readonly args: readonly string[] }
  | { readonly name: "version" }
  | { readonly name: "help" };

export interface ServeOptions {
  readonly config: string | undefined;
  readonly host: string | undefined;
  readonly port: number;
  readonly workers: number;
  readonly dataDir: string;
  readonly logLevel: "info" | "debug" | "trace" | "warning" | "error";
  readonly keepAliveSeconds: number;
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** `group`: fsync of the journal every 100 ms at most; `always`: before each answer. */
  readonly ledgerFsync: "group" | "always";
}

/** A command line that cannot be understood; the message says what and what is allowed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const FLAGS = {
  config: { type: "string", short: "c" },
  host: { type: "string" },
  port: { type: "string" },
  num_workers: { type: "string" },
  "num-workers": { type: "string" },
  "data-dir": { type: "string" },
  data_dir: { type: "string" },
  debug: { type: "boolean" },
  detailed_debug: { type: "boolean" },
  "detailed-debug": { type: "boolean" },
  keepalive_timeout: { type: "string" },
  ssl_keyfile_path: { type: "string" },
  ssl_certfile_path: { type: "string" },
  "ledger-fsync": { type: "string" },
  version: { type: "boolean", short: "v" },
  help: { type: "boolean", short: "h" },
} as const;

export const HELP = `isthmus: one gateway for every LLM provider

Usage
  isthmus serve [options]         serve; also what happens without a command
  isthmus check CONFIG            check a configuration offline; exit status 1 when something is wrong
${describeSubCommands()}
  isthmus --version | --help

Options of serve (environment variable in brackets)
  -c, --config FILE               configuration [CONFIG_FILE_PATH]
      --host ADDRESS              0.0.0.0 with a configuration, 127.0.0.1 without [HOST]
      --port NUMBER               4000 [PORT]
      --num_workers N             processes that share the port, 1 [NUM_WORKERS]
      --data-dir FOLDER           journal, database, generated key: .isthmus [ISTHMUS_DATA_DIR]
      --debug                     log the course of each request [DEBUG]
      --detailed_debug            log more; never secrets [DETAILED_DEBUG]
      --keepalive_timeout SECONDS idle connections are closed after this, 120 [KEEPALIVE_TIMEOUT]
      --ssl_keyfile_path FILE     serve TLS [SSL_KEYFILE_PATH]
      --ssl_certfile_path FILE    serve TLS [SSL_CERTFILE_PATH]
      --ledger-fsync MODE         group (every 100 ms) or always [ISTHMUS_LEDGER_FSYNC]
`;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the command line; environment variables stand in for flags that were not given. */
export function parseCommandLine(argv: readonly string[], environment: Environment): Command {
  const [first] = argv;
  const named = first !== undefined && !first.startsWith("-");
  const name = named ? first : "serve";
  if (named && SUB_COMMANDS.has(name)) return { name: "other", command: name, args: argv.slice(1) };
  const { values, positionals } = parse(named ? argv.slice(1) : argv);
  if (values.version === true) return { name: "version" };
  if (values.help === true || name === "help") return { name: "help" };
  switch (name) {
    case "serve":
      if (positionals.length > 0)
        throw new UsageError(`serve takes no argument '${positionals[0]}'; did you mean --config ${positionals[0]}?`);
      return { name: "serve", options: serveOptions(values, environment) };
    case "check": {
      const file = positionals[0] ?? values.config ?? environment.CONFIG_FILE_PATH;
      if (file === undefined) throw new UsageError("check needs a configuration file: isthmus check config.yml");
      return { name: "check", file };
    }
    case "version":
      return { name: "version" };
    default:
      throw new UsageError(
        `unknown command '${name}'; commands are serve, check, ${[...SUB_COMMANDS.keys()].join(", ")}, version and help`,
      );
  }
}

type Values = ReturnType<typeof parse>["values"];

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function serveOptions(values: Values, environment: Environment): ServeOptions {
  const key = values.ssl_keyfile_path ?? environment.SSL_KEYFILE_PATH;
  const cert = values.ssl_certfile_path ?? environment.SSL_CERTFILE_PATH;
  if ((key === undefined) !== (cert === undefined))
    throw new UsageError("TLS needs both --ssl_keyfile_path and --ssl_certfile_path");
  const detailed =
    values.detailed_debug === true || values["detailed-debug"] === true || isTrue(environment.DETAILED_DEBUG);
  const debug = values.debug === true || isTrue(environment.DEBUG);
  return {
    config: values.config ?? environment.CONFIG_FILE_PATH,
    host: values.host ?? environment.HOST,
    port: integer(values.port ?? environment.PORT, "--port", 4000, 0, 65535),
    workers: integer(
      values.num_workers ??
        values["num-workers"] ??
        environment.NUM_WORKERS ??
        environment.DEFAULT_NUM_WORKERS_LITELLM_PROXY,
      "--num_workers",
      1,
      1,
      256,
    ),
    dataDir: values["data-dir"] ?? values.data_dir ?? environment.ISTHMUS_DATA_DIR ?? ".isthmus",
    logLevel: detailed ? "trace" : debug ? "debug" : levelOf(environment.LITELLM_LOG),
    keepAliveSeconds: integer(
      values.keepalive_timeout ?? environment.KEEPALIVE_TIMEOUT,
      "--keepalive_timeout",
      120,
      1,
      255,
    ),
    tls: key === undefined || cert === undefined ? undefined : { key, cert },
    ledgerFsync: fsyncOf(values["ledger-fsync"] ?? environment.ISTHMUS_LEDGER_FSYNC),
  };
}

function fsyncOf(value: string | undefined): "group" | "always" {
  if (value === undefined || value === "group") return "group";
  if (value === "always") return "always";
  throw new UsageError(`--ledger-fsync is group or always, not '${value}'`);
}

function levelOf(value: string | undefined): ServeOptions["logLevel"] {
  switch (value?.toUpperCase()) {
    case "DEBUG":
      return "debug";
    case "WARNING":
      return "warning";
    case "ERROR":
      return "error";
    default:
      return "info";
  }
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "true", "yes", "on"].includes(value.toLowerCase());
}

function integer(value: string | undefined, name: string, fallback: number, low: number, high: number): number {
  if (value === undefined || value === "") return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < low || number > high) {
    throw new UsageError(`${name} is a whole number from ${low} to ${high}, not '${value}'`);
  }
  return number;
}
