import { readFileSync } from "node:fs";
import type { Cluster, Redis as IoRedis, RedisOptions } from "ioredis";
import type { Log } from "../../events/log.ts";
import { Breaker } from "./breaker.ts";
import { LoopDeadlines } from "./loop-deadlines.ts";
import type { RedisScript } from "./redis-script.ts";
import { type RedisSettings, RedisSettingsError } from "./redis-settings.ts";

/** What Redis answers, as it is on the wire: texts, whole numbers, nil and lists of these. */
export type RedisReply = string | number | null | readonly RedisReply[];
export type RedisArgument = string | number | Buffer;

/** Redis did not do it: it is gone, slow, busy with too much, or refused the command. What waits for it goes without. */
export class RedisUnavailable extends Error {
  override readonly name = "RedisUnavailable";
}

/** Failures in a row after which commands are refused at once. */
const BREAKER_LIMIT = 5;
const FIRST_PROBE_MS = 100;
const LONGEST_PROBE_MS = 5000;
/** Commands without an answer beyond which further ones are refused: they would only wait behind these. */
const MOST_PENDING = 10_000;

/**
 * One Redis, whatever its shape (single, Sentinel, Cluster, TLS). Commands fail within the command's time limit and, once
 * several failed in a row, at once; nothing is queued for a connection that is not there. A probe in the background finds
 * out when it is back. The connection is shared by all: no blocking commands, no SELECT.
 *
 * @example
 * const redis = await openRedis(settings, { log });
 * await redis.send("SET", "greeting", "hello", "PX", 60_000);
 * if (redis.trouble !== undefined) console.warn(`redis: ${redis.trouble}`);
 */
export class RedisClient {
  readonly #settings: RedisSettings;
  readonly #log: Log;
  readonly #client: IoRedis | Cluster;
  readonly #connect: () => IoRedis | Cluster;
  readonly #deadlines = new LoopDeadlines();
  readonly #breaker = new Breaker(BREAKER_LIMIT);
  readonly #subscribers = new Map<string, Set<(message: string) => void>>();
  readonly #returned = new Set<() => void>();
  #subscription: IoRedis | Cluster | undefined;
  #probe: ReturnType<typeof setTimeout> | undefined;
  #pending = 0;
  #reason = "not connected yet";
  /** Whether the log has the present trouble. */
  #told = false;
  #closed = false;

  constructor(settings: RedisSettings, log: Log, connect: () => IoRedis | Cluster) {
    this.#settings = settings;
    this.#log = log;
    this.#connect = connect;
    this.#client = connect();
    this.#client.on("error", (error: unknown) => this.#lost(messageOf(error)));
    this.#client.on("close", () => this.#lost("the connection is closed"));
    this.#client.on("ready", () => this.#scheduleProbe(0));
    // Until the first connection stands, the probe asks.
    this.#breaker.trip();
    this.#scheduleProbe(FIRST_PROBE_MS);
  }

  /** Why commands are refused at the moment; undefined while they are not. */
  get trouble(): string | undefined {
    return this.#breaker.open ? this.#reason : undefined;
  }

  /** False while every command would be refused at once; ask before work that is only for Redis. */
  get usable(): boolean {
    return !this.#breaker.open;
  }

  /** On a cluster, keys that a command or script uses together must share a hash tag. */
  get isCluster(): boolean {
    return this.#settings.topology.kind === "cluster";
  }

  /** Sends one command; throws RedisUnavailable. Commands of one turn go out together. */
  send(command: string, ...args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#guarded(() => this.#client.call(command, ...args) as Promise<RedisReply>);
  }

  /** Like `send`, for commands that may take longer than ordinary ones (SCAN over much, FLUSHDB). */
  sendSlow(seconds: number, command: string, ...args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#guarded(() => this.#client.call(command, ...args) as Promise<RedisReply>, seconds);
  }

  /** Runs a script; its text goes over the wire only where the server does not know it. Throws RedisUnavailable. */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#guarded(async () => {
      try {
        return (await this.#client.call("EVALSHA", script.sha, keys.length, ...keys, ...args)) as RedisReply;
      } catch (error) {
        if (!messageOf(error).startsWith("NOSCRIPT")) throw error;
        return (await this.#client.call("EVAL", script.lua, keys.length, ...keys, ...args)) as RedisReply;
      }
    });
  }

  /** Every key that begins with `prefix`, in batches, on all primaries of a cluster. The prefix is taken literally. */
  async *keys(prefix: string, batch = 500): AsyncGenerator<readonly string[]> {
    const pattern = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
    for (const node of this.#primaries()) {
      let cursor = "0";
      do {
        const at = cursor;
        const reply = await this.#guarded(
          () => node.call("SCAN", at, "MATCH", pattern, "COUNT", batch) as Promise<RedisReply>,
        );
        const [next, found] = reply as readonly [string, readonly string[]];
        if (found.length > 0) yield found;
        cursor = next;
      } while (cursor !== "0");
    }
  }

  /**
   * Hears what is published on a channel, over a connection of its own that comes back by itself; messages of the
   * meantime are lost, so keep a time limit on whatever they refresh. Resolves with a function that ends it, after at
   * most the time that a connection may take.
   */
  async subscribe(channel: string, listener: (message: string) => void): Promise<() => void> {
    this.#subscription ??= this.#openSubscription();
    const listeners = this.#subscribers.get(channel) ?? new Set();
    listeners.add(listener);
    if (listeners.size === 1) {
      this.#subscribers.set(channel, listeners);
      await opened(this.#subscription, this.#settings.connectTimeout);
      // Where the connection is not up even now, `ready` subscribes.
      await this.#subscription.subscribe(channel).catch((error: unknown) => {
        this.#log.debug("redis subscription waits", { channel, error: messageOf(error) });
      });
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#closed) return;
      this.#subscribers.delete(channel);
      this.#subscription?.unsubscribe(channel).catch(() => {
        // The connection is gone, and the subscription with it.
      });
    };
  }

  /** Calls `listener` whenever Redis answers again after it did not. */
  onReturn(listener: () => void): void {
    this.#returned.add(listener);
  }

  /** Resolves when commands can be sent or the seconds have passed; says which. */
  async ready(seconds: number): Promise<boolean> {
    const until = performance.now() + seconds * 1000;
    while (this.#breaker.open && performance.now() < until && !this.#closed) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.usable;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#probe);
    this.#breaker.trip();
    this.#reason = "closed";
    this.#client.disconnect();
    this.#subscription?.disconnect();
  }

  #primaries(): readonly (IoRedis | Cluster)[] {
    return "nodes" in this.#client ? this.#client.nodes("master") : [this.#client];
  }

  #guarded(work: () => Promise<RedisReply>, seconds = this.#settings.commandTimeout): Promise<RedisReply> {
    if (this.#breaker.open) return Promise.reject(new RedisUnavailable(`redis: ${this.#reason}`));
    if (this.#pending >= MOST_PENDING) {
      return Promise.reject(new RedisUnavailable(`redis: ${MOST_PENDING} commands wait for an answer already`));
    }
    return this.#limited(work, seconds).then(
      (reply) => {
        this.#breaker.succeeded();
        return reply;
      },
      (error: unknown) => {
        const message = messageOf(error);
        if (this.#breaker.failed()) this.#opened(message);
        throw new RedisUnavailable(`redis: ${message}`, { cause: error });
      },
    );
  }

  /**
   * Rejects when the time is over; an answer that comes later is nobody's. Time in which this process was too busy to
   * read is no time that Redis took.
   */
  #limited(work: () => Promise<RedisReply>, seconds: number): Promise<RedisReply> {
    this.#pending++;
    return new Promise<RedisReply>((resolve, reject) => {
      const cancel = this.#deadlines.add(seconds, () => reject(new Error(`no answer within ${seconds} s`)));
      const done = (): void => {
        cancel();
        this.#pending--;
      };
      work().then(
        (reply) => {
          done();
          resolve(reply);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
    });
  }

  #lost(reason: string): void {
    if (this.#breaker.trip()) this.#opened(reason);
    else if (!this.#told) this.#tell(reason);
  }

  #opened(reason: string): void {
    this.#tell(reason);
    if (!this.#closed) this.#scheduleProbe(FIRST_PROBE_MS);
  }

  #tell(reason: string): void {
    if (this.#closed) return;
    this.#reason = reason;
    this.#told = true;
    this.#log.warning("redis does not answer; what uses it goes on without", { reason });
  }

  #scheduleProbe(pauseMs: number): void {
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => void this.#probeOnce(pauseMs), pauseMs);
    this.#probe.unref();
  }

  async #probeOnce(pauseMs: number): Promise<void> {
    try {
      // PING is answered by every node, on a cluster by whichever is asked; a key's slot proves more.
      await this.#limited(
        () =>
          (this.isCluster ? this.#client.call("EXISTS", "probe") : this.#client.call("PING")) as Promise<RedisReply>,
        this.#settings.commandTimeout,
      );
      if (this.#closed) return;
      this.#breaker.close();
      this.#told = false;
      this.#log.info("redis answers");
      for (const listener of this.#returned) listener();
    } catch (error) {
      if (this.#closed) return;
      // That there is no connection says less than why there is none, which came before.
      const message = messageOf(error);
      if (!message.startsWith("Stream isn't writeable")) {
        if (this.#told) this.#reason = message;
        else this.#tell(message);
      }
      // A peer that is silent keeps the old connection and all that waits on it; a new one starts afresh.
      if (this.#client.status === "ready") this.#client.disconnect(true);
      this.#scheduleProbe(Math.min(Math.max(pauseMs * 2, FIRST_PROBE_MS), LONGEST_PROBE_MS));
    }
  }

  #openSubscription(): IoRedis | Cluster {
    const connection = this.#connect();
    connection.on("error", (error: unknown) => this.#log.debug("redis subscription", { error: messageOf(error) }));
    connection.on("ready", () => {
      const channels = [...this.#subscribers.keys()];
      if (channels.length > 0) {
        connection.subscribe(...channels).catch((error: unknown) => {
          this.#log.warning("cannot subscribe to redis channels", { error: messageOf(error) });
        });
      }
    });
    connection.on("message", (channel: string, message: string) => {
      for (const listener of this.#subscribers.get(channel) ?? []) listener(message);
    });
    return connection;
  }
}

/**
 * Opens the connection and waits for it, at most as long as one connection attempt may take; a Redis that is not there
 * is no error here but `trouble`, which ends when it comes. Throws RedisSettingsError for certificates that cannot be
 * read. The client library is loaded with the first call.
 */
export async function openRedis(settings: RedisSettings, options: { readonly log: Log }): Promise<RedisClient> {
  const { Cluster, Redis } = await import("ioredis");
  const connect = (): IoRedis | Cluster => {
    const { topology } = settings;
    if (topology.kind === "cluster") return new Cluster([...topology.nodes], clusterOptions(settings));
    // Replies stay as they are on the wire, which the library's types want to see left out, not undefined.
    const { replyMapping: _, ...options }: RedisOptions = { ...connectionOptions(settings), ...addressOf(topology) };
    return new Redis(options);
  };
  const client = new RedisClient(settings, options.log, connect);
  await client.ready(settings.connectTimeout);
  return client;
}

/** Resolves when the connection is open, or when the seconds have passed. */
async function opened(connection: IoRedis | Cluster, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  while (connection.status !== "ready" && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function addressOf(topology: Exclude<RedisSettings["topology"], { kind: "cluster" }>): RedisOptions {
  if (topology.kind === "single") return topology.node;
  if (topology.kind === "socket") return { path: topology.path };
  return {
    sentinels: [...topology.nodes],
    name: topology.service,
    failoverDetector: true,
    ...(topology.password === undefined ? {} : { sentinelPassword: topology.password }),
  };
}

function connectionOptions(settings: RedisSettings) {
  return {
    // Every Redis and every relative of it speaks this version.
    protocol: 2 as const,
    db: settings.db,
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...(settings.tls === undefined ? {} : { tls: tlsOptions(settings.tls) }),
    connectTimeout: settings.connectTimeout * 1000,
    // A command that was cut off may have been carried out: whoever sent it decides whether it is sent again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    // A primary that was demoted says READONLY; the reconnection asks the sentinels for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times - 1, 6), 2000),
    connectionName: "isthmus",
  };
}

function clusterOptions(settings: RedisSettings) {
  // Connections to nodes are made by the first command for them, which has to wait for that.
  const { db: _, enableOfflineQueue: __, ...redisOptions } = connectionOptions(settings);
  return {
    redisOptions,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    slotsRefreshTimeout: settings.connectTimeout * 1000,
    clusterRetryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times - 1, 6), 2000),
  };
}

function tlsOptions(tls: NonNullable<RedisSettings["tls"]>): NonNullable<RedisOptions["tls"]> {
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.checkHostname ? {} : { checkServerIdentity: () => undefined }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.caFile === undefined ? {} : { ca: pem("ssl_ca_certs", tls.caFile) }),
    ...(tls.certificateFile === undefined ? {} : { cert: pem("ssl_certfile", tls.certificateFile) }),
    // One file may hold both.
    ...(tls.certificateFile === undefined ? {} : { key: pem("ssl_keyfile", tls.keyFile ?? tls.certificateFile) }),
    ...(tls.keyPassword === undefined ? {} : { passphrase: tls.keyPassword }),
  };
}

function pem(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new RedisSettingsError(`${key} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
