import type { Log } from "../../events/log.ts";
import type { Router } from "../../routing/router.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { RedisClient, RedisReply } from "../../store/redis/redis-client.ts";
import type { HealthChecks } from "../health-checks.ts";
import { Channel } from "./channel.ts";
import { decodeMessage } from "./messages.ts";
import { ProbeRights } from "./probe-rights.ts";
import { SYNC } from "./scripts.ts";
import { SharedAffinity } from "./shared-affinity.ts";
import { SharedCooldowns } from "./shared-cooldowns.ts";
import { SharedHealth } from "./shared-health.ts";
import { SharedUse } from "./shared-use.ts";

/** How often a process tells what it used. */
const TELL_MS = 200;
/** How often it says that it lives, and reads what it may have missed. */
const SYNC_MS = 2000;
/** A process that has not said so for so long does not live. */
const ALIVE_MS = 10_000;
const USE_KEPT_MS = 120_000;
const PROCESSES_KEPT_MS = 3_600_000;

export interface SharedRoutingOptions {
  readonly redis: RedisClient;
  readonly router: Router;
  readonly health: Pick<HealthChecks, "watch" | "learn">;
  readonly snapshot: () => Snapshot;
  readonly log: Log;
  /** Begins every key and names the channel; default `isthmus`. */
  readonly prefix?: string;
}

/**
 * What the routers of all processes on one Redis know together: cooldowns and the end of them, who may try a half-open
 * deployment, what each deployment did in this minute, what checks found, and who is bound to which deployment. News are
 * published as they come; use and bindings are told five times a second; every two seconds a process reads what it may have missed. No request waits for any of it.
 * While Redis is away each process goes on with what it knows and takes the others for as busy as itself.
 */
export class SharedRouting {
  readonly #options: SharedRoutingOptions;
  readonly #channel: Channel;
  readonly #cooldowns: SharedCooldowns;
  readonly #health: SharedHealth;
  readonly #use: SharedUse;
  readonly #affinity: SharedAffinity;
  readonly #probes: ProbeRights;
  readonly #processesKey: string;
  /** Others may have deployments that this process's configuration does not have. */
  readonly #serves: (id: string) => boolean;
  #processes = 1;
  #syncing: Promise<void> | undefined;
  #nextSync = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #unsubscribe: (() => void) | undefined;
  #closed = false;

  constructor(options: SharedRoutingOptions) {
    this.#options = options;
    const { redis, router, health, snapshot, log } = options;
    const base = `{${options.prefix ?? "isthmus"}}:routing`;
    const serves = (id: string): boolean => snapshot().deploymentsById.has(id);
    this.#serves = serves;
    const channel = new Channel({ redis, log, base });
    this.#channel = channel;
    this.#cooldowns = new SharedCooldowns({ channel, router, log, serves });
    this.#health = new SharedHealth({ channel, checks: health, serves });
    this.#use = new SharedUse({ channel, router, serves });
    this.#affinity = new SharedAffinity({ channel, router, serves });
    this.#probes = new ProbeRights({ redis, process: channel.process, base });
    this.#processesKey = `${base}:processes`;
  }

  async start(): Promise<void> {
    const { redis, router, health } = this.#options;
    router.watch({
      cooledDown: (id, cooldown) => {
        router.state(id).probeUntil = this.#exclusive ? 0 : Number.POSITIVE_INFINITY;
        this.#probes.free(id);
        this.#cooldowns.cooledDown(id, cooldown);
      },
      recovered: (id) => {
        this.#probes.free(id);
        this.#cooldowns.recovered(id);
      },
      failed: (deployment, of, ttl) => this.#channel.publish({ kind: "failure", deployment, of, ttl }),
      bound: (binding) => this.#affinity.bound(binding),
    });
    health.watch((checked) => this.#health.checked(checked));
    redis.onReturn(() => this.#syncSoon());
    this.#unsubscribe = await redis.subscribe(this.#channel.base, (text) => this.#heard(text));
    this.#timer = setInterval(() => this.#tick(), TELL_MS);
    this.#timer.unref();
    this.#channel.publish({ kind: "hello" });
    await this.#sync();
  }

  /** The others hear at once that this process is gone, and keep what it did in this minute. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    await this.#syncing;
    const { redis, router } = this.#options;
    if (!redis.usable) return;
    this.#use.tell(router.now());
    await this.#probes.freeAll();
    await redis.send("ZREM", this.#processesKey, this.#channel.process).catch(this.#channel.unheard);
    this.#channel.publish({ kind: "hello" });
  }

  /** Whether only one process may try a half-open deployment, and has to ask for it. */
  get #exclusive(): boolean {
    return this.#processes > 1 && this.#options.redis.usable;
  }

  #heard(text: string): void {
    const heard = decodeMessage(text);
    if (heard === undefined || heard.from === this.#channel.process) return;
    const { from, message } = heard;
    const { router } = this.#options;
    switch (message.kind) {
      case "hello":
        this.#syncSoon();
        return;
      case "use":
        this.#use.hear(from, message.word);
        return;
      case "cooldown":
        this.#cooldowns.hear(message.deployment, message.knowledge);
        return;
      case "health":
        this.#health.hear(message.checked);
        return;
      case "failure":
        if (this.#serves(message.deployment)) {
          router.state(message.deployment).countFailure(router.now(), message.ttl, message.of);
        }
        return;
      case "affinity":
        this.#affinity.hear(message.bindings);
    }
  }

  #tick(): void {
    const { redis, router } = this.#options;
    const now = router.now();
    if (redis.usable) {
      this.#use.tell(now);
      this.#affinity.tell();
    } else {
      this.#use.assume(this.#processes);
    }
    this.#probes.tend(router.states(), this.#exclusive, now);
    if (now >= this.#nextSync) this.#syncSoon();
  }

  #syncSoon(): void {
    if (this.#closed) return;
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
  }

  async #sync(): Promise<void> {
    const { redis, router } = this.#options;
    const began = router.now();
    this.#nextSync = began + SYNC_MS;
    if (!redis.usable) return;
    const minute = Math.floor(began / 60_000);
    try {
      const reply = await redis.run(
        SYNC,
        [this.#processesKey, this.#use.key(minute), this.#cooldowns.key, this.#health.key],
        [this.#channel.process, this.#use.words(minute), ALIVE_MS, USE_KEPT_MS, PROCESSES_KEPT_MS],
      );
      this.#read(reply, (began + router.now()) / 2);
    } catch (error) {
      this.#channel.unheard(error);
    }
  }

  #read(reply: RedisReply, asked: number): void {
    const [time, processes, use, cooldowns, health] = reply as readonly RedisReply[];
    const now = Number(time);
    this.#channel.ahead = Math.round(now - asked);
    this.#processes = Math.max(1, Number(processes));
    this.#use.read(pairs(use));
    this.#cooldowns.read(pairs(cooldowns), now);
    this.#health.read(pairs(health), now);
  }
}

/** The fields of a hash. */
function* pairs(reply: RedisReply | undefined): Iterable<readonly [string, string]> {
  if (!Array.isArray(reply)) return;
  for (let index = 0; index + 1 < reply.length; index += 2) yield [String(reply[index]), String(reply[index + 1])];
}
