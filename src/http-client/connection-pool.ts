import { Connection, type Origin } from "./connection.ts";

/** Idle connections are closed after this; most servers close theirs after 60 s or later. */
const IDLE_MS = 20_000;
/** A connection, handshake included, that takes longer will not come. */
const CONNECT_MS = 15_000;
const SWEEP_MS = 5_000;
/** Idle connections kept per origin. */
const MOST_IDLE = 512;

/** Connections by origin. The one that was used last is used first, so that a quiet time lets the others go. */
export class ConnectionPool {
  readonly #idle = new Map<string, Connection[]>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** An idle connection of the origin, when there is one that is not too old to trust. */
  take(origin: Origin): Connection | undefined {
    const idle = this.#idle.get(origin.key);
    for (;;) {
      const connection = idle?.pop();
      if (connection === undefined) return undefined;
      if (connection.closed) continue;
      if (performance.now() - connection.idleSince < IDLE_MS) return connection;
      connection.destroy();
    }
  }

  /** A new connection. Rejects when it cannot be made. */
  async connect(origin: Origin): Promise<Connection> {
    const connection = new Connection(
      origin,
      (free) => this.#put(free),
      (gone) => this.#remove(gone),
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(Object.assign(new Error(`no connection within ${CONNECT_MS / 1000} s`), { code: "ETIMEDOUT" }));
        connection.destroy();
      }, CONNECT_MS);
    });
    try {
      await Promise.race([connection.open(), tooLong]);
    } finally {
      clearTimeout(timer);
    }
    return connection;
  }

  /** Closes what is idle. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const connections of this.#idle.values()) for (const connection of [...connections]) connection.destroy();
    this.#idle.clear();
  }

  #put(connection: Connection): void {
    connection.idleSince = performance.now();
    let idle = this.#idle.get(connection.origin.key);
    if (idle === undefined) {
      idle = [];
      this.#idle.set(connection.origin.key, idle);
    }
    if (idle.length >= MOST_IDLE) {
      connection.destroy();
      return;
    }
    idle.push(connection);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
      this.#timer.unref();
    }
  }

  #remove(connection: Connection): void {
    const idle = this.#idle.get(connection.origin.key);
    const at = idle?.lastIndexOf(connection) ?? -1;
    if (at >= 0) idle?.splice(at, 1);
  }

  #sweep(): void {
    const oldest = performance.now() - IDLE_MS;
    for (const [key, connections] of this.#idle) {
      for (const connection of [...connections]) if (connection.idleSince < oldest) connection.destroy();
      if (connections.length === 0) this.#idle.delete(key);
    }
    if (this.#idle.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
