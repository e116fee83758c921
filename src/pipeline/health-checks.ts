import { asArray, asNumber, isObject, parseJson } from "../json/json.ts";
import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";
import type { Database } from "../store/database.ts";
import { addHealthChecks } from "../store/health/health-history.ts";
import type { RedisClient } from "../store/redis/redis-client.ts";
import type { HealthCheckTable } from "../store/schema.ts";
import type { Gateway } from "./gateway.ts";
import { type HealthOutcome, probeHealth } from "./health-probe.ts";

/** `health_check_interval` where it is unset, in seconds. */
const INTERVAL_SECONDS = 300;
const CONCURRENCY = 16;
/** How often it is looked whether a round is due. */
const LOOK_MS = 500;
const LOCK_KEY = "isthmus:health:lock";
const RESULTS_KEY = "isthmus:health:results";

/** What a check found of one deployment, and when. */
export interface CheckedDeployment {
  readonly deploymentId: string;
  readonly outcome: HealthOutcome;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface HealthChecksOptions {
  /** Read when a check begins, so that the gateway may be put together after this. */
  readonly gateway: () => Gateway;
  readonly database: Database;
  /** Where instances share their results (`use_shared_health_check`). */
  readonly redis: RedisClient | undefined;
}

/** `general_settings` of health checks, as they are in force now. */
interface Rules {
  readonly background: boolean;
  readonly intervalMs: number;
  readonly concurrency: number;
  readonly shared: boolean;
  readonly groups: ReadonlySet<string> | undefined;
}

/** Checks deployments: in rounds in the background where the configuration says so, and when somebody asks. */
export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #latest = new Map<string, CheckedDeployment>();
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setInterval> | undefined;
  #due = 0;
  #running: Promise<void> | undefined;
  #lastRound: number | undefined;
  #checkedByOther = false;
  #watcher: ((checked: CheckedDeployment) => void) | undefined;

  constructor(options: HealthChecksOptions) {
    this.#options = options;
  }

  /** Tells of every check that this process makes. */
  watch(watcher: (checked: CheckedDeployment) => void): void {
    this.#watcher = watcher;
  }

  /** Takes over what another process found, unless a later check is known. */
  learn(checked: CheckedDeployment): void {
    if ((this.#latest.get(checked.deploymentId)?.at ?? 0) < checked.at) this.#note(checked);
  }

  /** Begins to look whether a round is due. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort(new Error("the gateway stops"));
    await this.#running;
  }

  /** Whether rounds are on; then their results are what `/health` shows. */
  background(snapshot: Snapshot): boolean {
    return rulesOf(snapshot).background;
  }

  /** End of the last round, milliseconds since the epoch; undefined before the first. */
  get lastRound(): number | undefined {
    return this.#lastRound;
  }

  /** The last round was another instance's. */
  get checkedByOther(): boolean {
    return this.#checkedByOther;
  }

  latest(id: string): CheckedDeployment | undefined {
    return this.#latest.get(id);
  }

  /** Checks these now. `by` stands in the history. */
  async check(
    deployments: readonly Deployment[],
    signal: AbortSignal,
    by: string,
  ): Promise<readonly CheckedDeployment[]> {
    const gateway = this.#options.gateway();
    const snapshot = gateway.snapshot();
    const { concurrency } = rulesOf(snapshot);
    const found: CheckedDeployment[] = [];
    const queue = [...deployments];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
        const outcome = await probeHealth(gateway, snapshot, next, signal);
        if (signal.aborted) return;
        const checked = { deploymentId: next.id, outcome, at: Date.now() };
        this.#note(checked);
        this.#watcher?.(checked);
        found.push(checked);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, queue.length) }, work));
    await this.#write(snapshot, found, by);
    return found;
  }

  #look(): void {
    if (this.#running !== undefined || Date.now() < this.#due || this.#stop.signal.aborted) return;
    const snapshot = this.#options.gateway().snapshot();
    const rules = rulesOf(snapshot);
    if (!rules.background) return;
    this.#due = Date.now() + rules.intervalMs;
    this.#running = this.#round(snapshot, rules)
      .catch((error: unknown) => {
        this.#options.gateway().log.error("a round of health checks broke off", { error: String(error) });
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #round(snapshot: Snapshot, rules: Rules): Promise<void> {
    const { redis } = this.#options;
    if (rules.shared && redis !== undefined && !(await this.#mayCheck(redis, rules))) {
      this.#due = Date.now() + Math.min(rules.intervalMs, 5000);
      await this.#takeOver(redis, snapshot);
      return;
    }
    for (const id of this.#latest.keys()) if (!snapshot.deploymentsById.has(id)) this.#latest.delete(id);
    const deployments = [...snapshot.deploymentsById.values()].filter(
      ({ info, modelName }) =>
        info.disable_background_health_check !== true && (rules.groups === undefined || rules.groups.has(modelName)),
    );
    const found = await this.check(deployments, this.#stop.signal, "background");
    this.#lastRound = Date.now();
    this.#checkedByOther = false;
    if (rules.shared && redis?.usable === true) {
      const text = JSON.stringify({ at: this.#lastRound, found });
      await redis.send("SET", RESULTS_KEY, text, "PX", rules.intervalMs * 2).catch(() => undefined);
    }
  }

  /** One instance checks for all; without Redis each checks for itself. */
  async #mayCheck(redis: RedisClient, { intervalMs }: Rules): Promise<boolean> {
    if (!redis.usable) return true;
    try {
      return (await redis.send("SET", LOCK_KEY, "1", "NX", "PX", Math.max(1, intervalMs - LOOK_MS))) === "OK";
    } catch {
      return true;
    }
  }

  async #takeOver(redis: RedisClient, snapshot: Snapshot): Promise<void> {
    const text = await redis.send("GET", RESULTS_KEY).catch(() => null);
    const shared = typeof text === "string" ? parseJson(text) : undefined;
    if (!isObject(shared) || asNumber(shared.at) === this.#lastRound) return;
    for (const item of asArray(shared.found)) {
      const checked = item as unknown as CheckedDeployment;
      if (snapshot.deploymentsById.has(checked.deploymentId)) this.#note(checked);
    }
    this.#lastRound = asNumber(shared.at);
    this.#checkedByOther = true;
  }

  #note(checked: CheckedDeployment): void {
    const { deploymentId, outcome, at } = checked;
    this.#latest.set(deploymentId, checked);
    if (outcome.status === "unprobed") return;
    const healthy = outcome.status === "healthy";
    this.#options.gateway().router.state(deploymentId).health = {
      healthy,
      at,
      transient: !healthy && outcome.transient,
    };
  }

  async #write(snapshot: Snapshot, found: readonly CheckedDeployment[], by: string): Promise<void> {
    const rows = found.flatMap(({ deploymentId, outcome, at }): HealthCheckTable[] => {
      const deployment = snapshot.deploymentsById.get(deploymentId);
      if (deployment === undefined || outcome.status === "unprobed") return [];
      return [
        {
          id: crypto.randomUUID(),
          checked_at: at,
          deployment_id: deploymentId,
          model_name: deployment.modelName,
          model: deployment.litellmModel,
          status: outcome.status,
          error: outcome.status === "unhealthy" ? outcome.error.slice(0, 2000) : null,
          response_ms: Math.round(outcome.seconds * 1000),
          checked_by: by,
        },
      ];
    });
    if (rows.length === 0) return;
    try {
      await addHealthChecks(this.#options.database, rows);
    } catch (error) {
      this.#options.gateway().log.warning("results of health checks were not written", { error: String(error) });
    }
  }
}

function rulesOf({ general, router }: Snapshot): Rules {
  const { raw } = general;
  const groups = asArray(raw.background_health_check_model_groups ?? router.raw.background_health_check_model_groups);
  const concurrency = asNumber(raw.health_check_concurrency) ?? CONCURRENCY;
  return {
    background: raw.background_health_checks === true,
    intervalMs: Math.max(1, asNumber(raw.health_check_interval) ?? INTERVAL_SECONDS) * 1000,
    concurrency: Math.max(1, concurrency),
    shared: raw.use_shared_health_check === true,
    groups: groups.length === 0 ? undefined : new Set(groups.filter((name) => typeof name === "string")),
  };
}
