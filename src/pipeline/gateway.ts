import type { AnswerCache } from "../cache/answer-cache.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Log } from "../events/log.ts";
import type { RequestEvent } from "../events/request-event.ts";
import type { LeaseRecord, SpendRecord } from "../ledger/record.ts";
import type { Router } from "../routing/router.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import type { Transport } from "../upstream/transport.ts";
import type { Gate } from "./admit.ts";
import type { Mirror } from "./mirror.ts";
import type { ResponseKeeping } from "./responses/response-call.ts";

/** Where requests are journaled. Both calls are synchronous: when they return, the line is with the kernel. */
export interface Accounts {
  /** Throws GatewayError("service_unavailable") when nothing more can be journaled. */
  open(lease: LeaseRecord): void;
  /** The call may cost as much as this in all (decimal text of nano-dollars). */
  extend(id: string, amount: string): void;
  settle(record: SpendRecord): void;
  /** Whether a call that ended not long ago has its row. */
  settled(id: string): boolean;
}

/** What a request needs of the process that serves it. */
export interface Gateway {
  readonly version: string;
  /** The configuration in force; a request keeps the one that it began with. */
  snapshot(): Snapshot;
  readonly accounts: Accounts;
  /** Answers of earlier requests; absent where none are kept. */
  readonly cache?: AnswerCache | undefined;
  /** Who admits requests; absent where everything is admitted. */
  readonly gate?: Gate;
  /** What is known of deployments, and which comes next. */
  readonly router: Router;
  /** Copies of requests to other models; absent where none are made. */
  readonly mirror?: Mirror;
  readonly events: EventBus<RequestEvent>;
  /** Answers of the Responses API that can be asked for again. */
  readonly responses: ResponseKeeping;
  readonly transport: Transport;
  readonly deadlines: DeadlineWheel;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}
