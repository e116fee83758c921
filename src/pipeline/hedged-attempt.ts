import type { AttemptStep } from "../routing/route-plan.ts";
import type { HedgeRules } from "../routing/routing-rules.ts";
import type { AttemptRun } from "./attempt-run.ts";
import type { Attempted, RequestRun } from "./request-run.ts";
import { Superseded } from "./upstream-call.ts";

interface Racer {
  readonly controller: AbortController;
  run: AttemptRun | undefined;
}

/**
 * An attempt that gets company when it shows nothing in time: the first one with an answer (or a stream's first content)
 * wins, the others are cancelled and their cost, as far as they may have been billed, goes into the same row. It fails
 * when all have failed.
 */
export function hedgedAttempt(request: RequestRun, first: AttemptStep, rules: HedgeRules): Promise<Attempted> {
  return new Promise<Attempted>((resolve, reject) => {
    const racers: Racer[] = [];
    let winner: AttemptRun | undefined;
    let open = 0;
    let over = false;

    const cancelOthers = (than: AttemptRun | undefined): void => {
      for (const { run, controller } of racers) {
        if (run === than) continue;
        run?.end({ status: "cancelled" });
        controller.abort();
      }
    };
    const finish = (end: () => void): void => {
      if (over) return;
      over = true;
      deadline.done();
      end();
    };
    const start = (step: AttemptStep): void => {
      const racer: Racer = { controller: new AbortController(), run: undefined };
      racers.push(racer);
      open++;
      const claim = (run: AttemptRun): void => {
        if (winner !== undefined) throw new Superseded();
        winner = run;
        cancelOthers(run);
      };
      const started = (run: AttemptRun): void => {
        racer.run = run;
      };
      request.once(step, { started, claim, superseded: racer.controller.signal, alongside: open - 1 }).then(
        (attempted) => {
          open--;
          // A failure counts when nobody is left who could still answer.
          if (attempted.kind === "answer" || (open === 0 && winner === undefined)) finish(() => resolve(attempted));
        },
        (error: unknown) => {
          open--;
          if (winner !== undefined && winner !== racer.run) return;
          finish(() => {
            cancelOthers(racer.run);
            reject(error);
          });
        },
      );
    };
    const hedge = (): void => {
      if (over || winner !== undefined) return;
      const step = request.plan.hedge();
      if (step === undefined) return;
      start(step);
      if (racers.length <= rules.most) deadline = request.gateway.deadlines.add(rules.after, { expired: hedge });
    };
    let deadline = request.gateway.deadlines.add(rules.after, { expired: hedge });
    start(first);
  });
}
