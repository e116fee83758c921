import { statSync } from "node:fs";
import { renderDiagnostics } from "../config/check.ts";
import { compileSnapshot, defaultDocument } from "../config/compile.ts";
import { ConfigError } from "../config/diagnostics.ts";
import { type LoadedDocument, loadConfig } from "../config/load.ts";
import { lostDeployments } from "../config/reload-check.ts";
import { secretEnvironment } from "../config/secrets/secret-environment.ts";
import {
  hasStored,
  NOTHING_STORED,
  type StoredConfiguration,
  type StoredModel,
  storedLocation,
} from "../config/stored-models.ts";
import type { StoredSettings } from "../config/stored-settings.ts";
import type { Log } from "../events/log.ts";
import type { StoredSource } from "../management/models/stored-source.ts";
import { useNewerEntries } from "../pricing/catalogue.ts";
import type { Diagnostic, Snapshot } from "../snapshot/snapshot.ts";
import { type Transport, toResponse } from "../upstream/transport.ts";

/** How often the files are looked at. A look is one system call a file. */
const WATCH_MS = 1_000;
/** How often the database is asked whether it has another version: one row, the longest that a replica is behind. */
const POLL_MS = 1_000;

type Environment = Readonly<Record<string, string | undefined>>;

export interface LiveConfigurationOptions {
  /** Path of the file; undefined where the environment's providers are all there is. */
  readonly file: string | undefined;
  readonly environment: Environment;
  readonly log: Log;
  readonly transport: Transport;
  /** Whether a file that changes is read again by itself. */
  readonly watch: boolean;
}

/** The files as they were read, with the secrets that they refer to. */
interface Declared {
  readonly document: LoadedDocument;
  readonly environment: Environment;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The configuration in force. It is read again when one of its files changes, at SIGHUP, and when the database has
 * another version of what it adds: compiled aside, and swapped at once; requests keep the one that they began with. A
 * file that is wrong is refused whole, with its line, and the one in force stays.
 */
export class LiveConfiguration {
  #current: Snapshot;
  #declared: Declared;
  #stored: StoredConfiguration = NOTHING_STORED;
  #source: StoredSource | undefined;
  #declare: ((next: Snapshot) => Promise<void>) | undefined;
  /** Changes are taken one after the other. */
  #turn: Promise<void> = Promise.resolve();
  readonly #options: LiveConfigurationOptions;
  #stamps = "";
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  private constructor(declared: Declared, snapshot: Snapshot, options: LiveConfigurationOptions) {
    this.#declared = declared;
    this.#current = snapshot;
    this.#options = options;
  }

  /** Reads the files for the first time. Throws ConfigError when they cannot be used. */
  static async open(options: LiveConfigurationOptions): Promise<LiveConfiguration> {
    const declared = await read(options);
    const snapshot = compile(declared, NOTHING_STORED);
    tell(options.log, snapshot.diagnostics);
    const live = new LiveConfiguration(declared, snapshot, options);
    live.#stamps = stampsOf(snapshot.files);
    if (options.file !== undefined && options.watch) live.#every(WATCH_MS, () => live.#look());
    return live;
  }

  get current(): Snapshot {
    return this.#current;
  }

  /**
   * Adds what the database has, now and whenever that is another. `declare` makes the database hold what the files
   * declare, before they are in force. Rejects with ConfigError when it cannot.
   */
  async attach(source: StoredSource, declare: (next: Snapshot) => Promise<void>): Promise<void> {
    this.#declare = declare;
    await declare(this.#current);
    this.#source = source;
    await this.refresh();
    this.#every(POLL_MS, () => void this.#poll());
  }

  /** Reads the files again; what cannot be used is told and changes nothing. */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload());
  }

  /** Reads again what the database adds; what was committed before the call is in force when it resolves. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refresh());
  }

  /** Why a model could not be served if it were stored; undefined when it could. */
  problemOf(model: StoredModel): string | undefined {
    const tried = this.trial(model);
    return typeof tried === "string" ? tried : undefined;
  }

  /** The configuration as it would be with this model beside those of the files; a string when it cannot be served: why. */
  trial(model: StoredModel): Snapshot | string {
    const snapshot = compile(this.#declared, { ...this.#stored, models: [model] }, true);
    if (hasStored(snapshot, model.id)) return snapshot;
    const { file } = storedLocation(model.id);
    const found = snapshot.diagnostics.find(({ location }) => location?.file === file);
    return found?.message.replace(/^the deployment of .*? is skipped: /, "") ?? "it is for another environment";
  }

  /** Why these settings could not be stored beside those of the files; undefined when they could. */
  problemOfSettings(settings: StoredSettings): string | undefined {
    try {
      compile(this.#declared, { ...this.#stored, settings }, true);
      return undefined;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.diagnostics.find(({ severity }) => severity === "error")?.message ?? error.message;
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #every(ms: number, run: () => void): void {
    const timer = setInterval(run, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(run);
    // One that fails must not keep the next from its turn.
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #look(): void {
    const stamps = stampsOf(this.#current.files);
    if (stamps === this.#stamps) return;
    this.#stamps = stamps;
    void this.reload();
  }

  async #poll(): Promise<void> {
    try {
      if ((await this.#source?.version()) !== this.#stored.version) await this.refresh();
    } catch (error) {
      this.#options.log.warning("the database's part of the configuration cannot be read; the one in force stays", {
        reason: String(error),
      });
    }
  }

  async #refresh(): Promise<void> {
    const { log } = this.#options;
    const stored = (await this.#source?.read()) ?? NOTHING_STORED;
    if (stored.version === this.#stored.version) return;
    if (stored.prices !== this.#stored.prices) useNewerEntries(stored.prices ?? new Map());
    const next = compile(this.#declared, stored);
    this.#stored = stored;
    this.#current = next;
    tell(
      log,
      next.diagnostics.filter(({ location }) => !next.files.includes(location?.file ?? "")),
    );
    log.info("another configuration is in force", { version: next.version, stored_models: stored.models.length });
  }

  async #reload(): Promise<void> {
    const { log } = this.#options;
    let declared: Declared;
    let next: Snapshot;
    try {
      declared = await read(this.#options);
      next = compile(declared, this.#stored);
    } catch (error) {
      if (error instanceof ConfigError) this.#tellRefusal(error);
      else log.error("the configuration cannot be read again; the one in force stays", { reason: String(error) });
      return;
    }
    const lost = lostDeployments(this.#current, next);
    if (lost.length > 0) {
      log.error("the changed configuration is refused, since deployments that work would end; the one in force stays");
      tell(log, lost);
      return;
    }
    if (!(await this.#accepted(next))) return;
    const changed = next.version !== this.#current.version;
    this.#declared = declared;
    this.#current = next;
    this.#stamps = stampsOf(next.files);
    if (changed) tell(log, next.diagnostics);
    log.info(changed ? "another configuration is in force" : "the configuration was read again and is the same", {
      version: next.version,
    });
  }

  /** Whether the database holds what the files declare. */
  async #accepted(next: Snapshot): Promise<boolean> {
    try {
      await this.#declare?.(next);
      return true;
    } catch (error) {
      if (error instanceof ConfigError) this.#tellRefusal(error);
      else {
        this.#options.log.error("what the configuration declares cannot be kept; the one in force stays", {
          reason: String(error),
        });
        // The database may be away: it is tried again with the next look.
        this.#stamps = "";
      }
      return false;
    }
  }

  #tellRefusal({ diagnostics }: ConfigError): void {
    this.#options.log.error("the changed configuration is refused; the one in force stays");
    tell(this.#options.log, diagnostics);
  }
}

async function read({ file, environment, transport }: LiveConfigurationOptions): Promise<Declared> {
  if (file === undefined) return { document: defaultDocument(environment), environment, diagnostics: [] };
  const document = loadConfig(file);
  const secrets = await secretEnvironment(document, environment, {
    send: async (request) => toResponse(await transport.open(request).response),
  });
  return { document, environment: secrets.environment, diagnostics: secrets.diagnostics };
}

function compile(
  { document, environment, diagnostics }: Declared,
  stored: StoredConfiguration,
  trial = false,
): Snapshot {
  const compiled = compileSnapshot(document, { environment, stored, trial });
  return { ...compiled, diagnostics: [...diagnostics, ...compiled.diagnostics] };
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
