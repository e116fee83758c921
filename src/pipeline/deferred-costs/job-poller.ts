import type { Scope } from "../../admission/scope.ts";
import { formatById } from "../../formats/registry.ts";
import { asNumber, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import { findProvider } from "../../providers/registry.ts";
import type { DeferredCost, DeferredCosts, DeferredOwner } from "../../store/resources/deferred-costs.ts";
import type { Gateway } from "../gateway.ts";
import { callProvider, openProviderCall, type ProviderPlace } from "../resources/provider-call.ts";
import { isFinal } from "../resources/resource-answer.ts";
import type { ResourceTargets } from "../resources/resource-targets.ts";
import { type AnswerUsage, batchLineUsage, eachLine, messageLineUsage } from "./batch-answers.ts";
import { Bill } from "./bill.ts";
import { settleJob } from "./settle-job.ts";

/** Jobs are asked for again after so many seconds, unless `proxy_batch_polling_interval` says otherwise. */
const USUAL_INTERVAL = 600;
/** The table is looked at this often: by whom a job is due is decided there. */
const LONGEST_TICK_MS = 30_000;
/** As long as one process has for one job before another may try. */
const BUSY_MS = 15 * 60_000;
const HEAD_SECONDS = 60;
/** The longest silence within a batch's answers. */
const SILENCE_SECONDS = 120;
const KEPT_MS = 60 * 86_400_000;

export interface JobPollerOptions {
  readonly gateway: () => Gateway;
  readonly deferred: DeferredCosts;
  readonly targets: ResourceTargets;
  /** What the payer's money is counted by; empty where its key is gone. */
  readonly scopesOf: (owner: DeferredOwner) => Promise<readonly Scope[]>;
}

/**
 * Looks after jobs whose cost is known when they are done, and writes their rows then. Several processes may do so at
 * once: each job is taken on by one of them at a time.
 */
export class JobPoller {
  readonly #options: JobPollerOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: JobPollerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  /** Somebody has seen that a job is done: it is looked at now. */
  lookAt(jobId: string): void {
    if (this.#closed) return;
    this.#options.deferred.postpone(jobId, Date.now()).then(
      () => this.#schedule(0),
      (error: unknown) => this.#failed("a job could not be marked as due", error),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  #schedule(milliseconds: number): void {
    if (this.#closed) return;
    if (this.#working !== undefined) {
      this.#again ||= milliseconds === 0;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#working = this.#tick().finally(() => {
        this.#working = undefined;
        const soon = this.#again;
        this.#again = false;
        this.#schedule(soon ? 0 : Math.min(this.#intervalMs(), LONGEST_TICK_MS));
      });
    }, milliseconds);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    const { deferred } = this.#options;
    try {
      const now = Date.now();
      const jobs = await deferred.claim(now, now + BUSY_MS);
      for (const job of jobs) {
        if (this.#closed) {
          await deferred.postpone(job.id, now);
          continue;
        }
        await this.#look(job);
      }
      if (jobs.length === 0) await deferred.removeSettled(now - KEPT_MS);
      else this.#again = true;
    } catch (error) {
      this.#failed("jobs that are still to be paid could not be read", error);
    }
  }

  async #look(job: DeferredCost): Promise<void> {
    const { deferred } = this.#options;
    try {
      const done = await this.#settle(job);
      if (done) await deferred.settled(job.id);
      else await this.#later(job);
    } catch (error) {
      this.#failed(`job ${job.id} could not be looked at`, error);
      await this.#later(job);
    }
  }

  async #later(job: DeferredCost): Promise<void> {
    const { deferred, gateway } = this.#options;
    const now = Date.now();
    if (now < job.expiresAt) {
      await deferred.postpone(job.id, now + this.#intervalMs());
      return;
    }
    gateway().log.error("a job was never seen to be done: what it cost is not known", { id: job.id, kind: job.kind });
    await deferred.settled(job.id);
  }

  /** Whether nothing more is to be done. */
  async #settle(job: DeferredCost): Promise<boolean> {
    const gateway = this.#options.gateway();
    const place = this.#placeOf(gateway, job);
    const response = await callProvider(gateway, place, {
      method: "GET",
      path: pathOf(job),
      timeout: HEAD_SECONDS,
    });
    const body = parseJson(await response.text());
    if (response.status === 404) {
      gateway.log.warning("a job is gone: what it cost is not known", { id: job.id, kind: job.kind });
      return true;
    }
    if (response.status !== 200 || !isObject(body)) {
      throw new Error(`the provider answered ${response.status}`);
    }
    if (!isFinal(body) && body.status !== "incomplete") return false;
    const bill = await this.#billOf(gateway, place, job, body);
    if (bill.requests === 0) return true;
    const { at, written } = await this.#options.deferred.payTime(job, Date.now());
    // A process died between the row and the mark that it is written.
    if (written) return true;
    const scopes = await this.#options.scopesOf(job.owner);
    await settleJob(gateway, job, place.deployment, bill, { scopes, at });
    return true;
  }

  async #billOf(gateway: Gateway, place: ProviderPlace, job: DeferredCost, body: JsonObject): Promise<Bill> {
    const at = Date.now();
    if (job.kind === "response") {
      const bill = new Bill(place.deployment, at, undefined);
      const model = asString(body.model) ?? job.owner.modelGroup;
      const context = { provider: job.provider, owner: "openai" as const, model };
      const usage = formatById("openai-responses").readUsage(body, context);
      if (usage !== undefined) bill.add(model, usage);
      return bill;
    }
    const bill = new Bill(place.deployment, at, "batch");
    const { path, read } = answersOf(job, body);
    if (path === undefined) return bill;
    const call = await openProviderCall(gateway, place, { method: "GET", path, timeout: HEAD_SECONDS });
    if (call.response.status !== 200) {
      call.abort(new Error("nobody reads it"));
      throw new Error(`the provider answered ${call.response.status} for a batch's answers`);
    }
    const silence = gateway.deadlines.add(SILENCE_SECONDS, {
      expired: () => call.abort(new Error("a batch's answers stopped coming")),
    });
    try {
      await eachLine(
        call.response,
        (line) => {
          const answer = read(line);
          if (answer !== undefined) bill.add(answer.model, answer.usage);
        },
        () => silence.extend(SILENCE_SECONDS),
      );
    } finally {
      silence.done();
    }
    return bill;
  }

  #placeOf(gateway: Gateway, job: DeferredCost): ProviderPlace {
    const snapshot = gateway.snapshot();
    if (job.deploymentId === undefined) {
      const kind = job.kind === "message-batch" ? "message-batches" : "batches";
      return this.#options.targets.find(snapshot, job.provider, kind);
    }
    const deployment = snapshot.deploymentsById.get(job.deploymentId);
    const provider = findProvider(job.provider);
    if (deployment === undefined || provider === undefined) throw new Error("its deployment is no longer configured");
    return { deployment, provider };
  }

  #intervalMs(): number {
    const seconds = asNumber(this.#options.gateway().snapshot().general.raw.proxy_batch_polling_interval);
    return Math.max(seconds ?? USUAL_INTERVAL, 1) * 1000;
  }

  #failed(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.gateway().log.warning(what, { reason });
  }
}

function pathOf({ kind, upstreamId }: DeferredCost): string {
  const id = encodeURIComponent(upstreamId);
  if (kind === "batch") return `/batches/${id}`;
  return kind === "message-batch" ? `/messages/batches/${id}` : `/responses/${id}`;
}

/** Where a batch's answers are, and how a line of them is read. */
function answersOf(
  job: DeferredCost,
  body: JsonObject,
): { readonly path: string | undefined; readonly read: (line: string) => AnswerUsage | undefined } {
  if (job.kind === "message-batch") {
    return { path: `/messages/batches/${encodeURIComponent(job.upstreamId)}/results`, read: messageLineUsage };
  }
  const file = asString(body.output_file_id);
  const endpoint = asString(body.endpoint) ?? "";
  return {
    path: file === undefined || file === "" ? undefined : `/files/${encodeURIComponent(file)}/content`,
    read: (line) => batchLineUsage(line, endpoint, job.provider),
  };
}
