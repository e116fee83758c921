import { statSync } from "node:fs";
import { renderDiagnostics } from "../config/check.ts";
import { compileSnapshot, defaultSnapshot } from "../config/compile.ts";
import { ConfigError } from "../config/diagnostics.ts";
import { loadConfig } from "../config/load.ts";
import { lostDeployments } from "../config/reload-check.ts";
import { secretEnvironment } from "../config/secrets/secret-environment.ts";
import type { Log } from "../events/log.ts";
import type { Diagnostic, Snapshot } from "../snapshot/snapshot.ts";
import { type Transport, toResponse } from "../upstream/transport.ts";

/** How often the files are looked at. A look is one system call a file. */
const WATCH_MS = 1_000;

export interface LiveConfigurationOptions {
  /** Path of the file; undefined where the environment's providers are all there is. */
  readonly file: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly transport: Transport;
  /** Whether a file that changes is read again by itself. */
  readonly watch: boolean;
}

/**
 * The configuration in force. It is read again when one of its files changes and at SIGHUP: compiled aside, and swapped
 * at once; requests keep the one that they began with. A file that is wrong is refused whole, with its line, and the one
 * in force stays.
 */
export class LiveConfiguration {
  #current: Snapshot;
  readonly #options: LiveConfigurationOptions;
  #stamps = "";
  #timer: ReturnType<typeof setInterval> | undefined;
  #reloading: Promise<void> | undefined;

  private constructor(snapshot: Snapshot, options: LiveConfigurationOptions) {
    this.#current = snapshot;
    this.#options = options;
  }

  /** Reads it for the first time. Throws ConfigError when it cannot be used. */
  static async open(options: LiveConfigurationOptions): Promise<LiveConfiguration> {
    const snapshot = await read(options);
    tell(options.log, snapshot.diagnostics);
    const live = new LiveConfiguration(snapshot, options);
    live.#stamps = stampsOf(snapshot.files);
    if (options.file !== undefined && options.watch) {
      live.#timer = setInterval(() => live.#look(), WATCH_MS);
      live.#timer.unref();
    }
    return live;
  }

  get current(): Snapshot {
    return this.#current;
  }

  /** Reads it again; what cannot be used is told and changes nothing. */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const stamps = stampsOf(this.#current.files);
    if (stamps === this.#stamps) return;
    this.#stamps = stamps;
    void this.reload();
  }

  async #reload(): Promise<void> {
    const { log } = this.#options;
    let next: Snapshot;
    try {
      next = await read(this.#options);
    } catch (error) {
      if (!(error instanceof ConfigError)) {
        log.error("the configuration cannot be read again; the one in force stays", { reason: String(error) });
        return;
      }
      log.error("the changed configuration is refused; the one in force stays");
      tell(log, error.diagnostics);
      return;
    }
    const lost = lostDeployments(this.#current, next);
    if (lost.length > 0) {
      log.error("the changed configuration is refused, since deployments that work would end; the one in force stays");
      tell(log, lost);
      return;
    }
    const changed = next.version !== this.#current.version;
    this.#current = next;
    this.#stamps = stampsOf(next.files);
    if (changed) tell(log, next.diagnostics);
    log.info(changed ? "another configuration is in force" : "the configuration was read again and is the same", {
      version: next.version,
    });
  }
}

async function read({ file, environment, transport }: LiveConfigurationOptions): Promise<Snapshot> {
  if (file === undefined) return defaultSnapshot(environment);
  const document = loadConfig(file);
  const secrets = await secretEnvironment(document, environment, {
    send: async (request) => toResponse(await transport.open(request).response),
  });
  const compiled = compileSnapshot(document, { environment: secrets.environment });
  return { ...compiled, diagnostics: [...secrets.diagnostics, ...compiled.diagnostics] };
}

function tell(log: Log, diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  log.warning(`the configuration has ${errors} errors and ${diagnostics.length - errors} warnings`);
  process.stderr.write(`${renderDiagnostics(diagnostics)}\n`);
}

/** What changes when one of the files does; a file that is missing for the moment counts, too. */
function stampsOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? "-" : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
    })
    .join("|");
}
