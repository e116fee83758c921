import { asNumber } from "../json/json.ts";
import type { GeneralSettings } from "../snapshot/snapshot.ts";

/** How many requests a process serves at a time, and how many may wait for how long (`general_settings`). */
export interface InFlightSettings {
  readonly most: number;
  readonly queued: number;
  readonly waitMs: number;
}

/** What tells whether a process is well has to be answered by a busy one, too. */
const EXEMPT: ReadonlySet<string> = new Set([
  ...["/health/liveliness", "/health/liveness", "/health/readiness", "/health/readiness/details"],
  ...["/health/backlog", "/health/drain", "/metrics"],
]);
const WAIT_SECONDS = 1;

const compiled = new WeakMap<GeneralSettings, InFlightSettings | null>();

/** Worked out once for each configuration; undefined where there is no limit. */
export function inFlightSettingsOf(general: GeneralSettings): InFlightSettings | undefined {
  let settings = compiled.get(general);
  if (settings === undefined) {
    const { raw } = general;
    const most = asNumber(raw.max_in_flight_requests_per_worker);
    settings =
      most === undefined || most < 1
        ? null
        : {
            most,
            queued: asNumber(raw.max_queued_requests_per_worker) ?? most,
            waitMs: (asNumber(raw.admission_queue_timeout_seconds) ?? WAIT_SECONDS) * 1_000,
          };
    compiled.set(general, settings);
  }
  return settings ?? undefined;
}

/** The requests that this process serves now, and those that wait to be served, first come, first served. */
export class InFlightLimit {
  readonly #waiting: (() => void)[] = [];
  #served = 0;

  /**
   * Resolves when the request may be served: call `release` when its answer is whole. Resolves with the refusal of a
   * request that there is no room for.
   */
  async enter(settings: InFlightSettings, path: string): Promise<Response | (() => void)> {
    if (EXEMPT.has(path)) return () => {};
    if (this.#served < settings.most && this.#waiting.length === 0) {
      this.#served++;
      return this.#release();
    }
    if (this.#waiting.length >= settings.queued || !(await this.#turn(settings.waitMs))) return this.#overloaded();
    return this.#release();
  }

  /** Whether the request's turn came in time. Whoever is woken has the place of the one that was released. */
  #turn(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1);
        resolve(false);
      }, waitMs);
      this.#waiting.push(wake);
    });
  }

  #release(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#served--;
      else next();
    };
  }

  /** LiteLLM's answer. */
  #overloaded(): Response {
    const message = `Worker at capacity: ${this.#served} in-flight, ${this.#waiting.length} queued requests. Retry later.`;
    return Response.json(
      { error: { message, type: "overloaded_error", code: "503" } },
      { status: 503, headers: { "retry-after": "1" } },
    );
  }
}

/** The answer, which calls `release` when the last of it was read, or nobody reads it any more. */
export function releasing(response: Response, release: () => void): Response {
  const { body } = response;
  if (body === null || !isLong(response)) {
    release();
    return response;
  }
  const reader = body.getReader();
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        release();
        controller.close();
      } catch (error) {
        release();
        controller.error(error);
      }
    },
    cancel(reason) {
      release();
      return reader.cancel(reason);
    },
  });
  return new Response(watched, response);
}

/** An answer in one piece is whole when it is made. */
function isLong({ headers }: Response): boolean {
  return headers.get("content-type")?.includes("json") !== true || headers.get("transfer-encoding") === "chunked";
}
