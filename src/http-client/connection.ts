import type { Socket } from "bun";
import { type ResponseEvents, type ResponseHead, ResponseParser } from "./response-parser.ts";

/** Where a connection leads. Two requests of one origin may share a connection, one after the other. */
export interface Origin {
  /** `scheme://host:port`. */
  readonly key: string;
  readonly hostname: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Who waits for the answer on a connection. */
export interface Exchange {
  head(head: ResponseHead): void;
  body(chunk: Uint8Array): void;
  end(): void;
  /** The connection broke. `fresh` tells that not a byte of the answer had come. */
  broken(error: Error, fresh: boolean): void;
}

class ConnectionClosed extends Error {
  override readonly name = "ConnectionClosed";
  readonly code = "ECONNRESET";
  constructor() {
    super("the connection was closed before the answer was complete");
  }
}

/** One TCP or TLS connection to a provider, used by one request at a time. */
export class Connection implements ResponseEvents {
  readonly origin: Origin;
  /** Milliseconds of the monotonic clock since which nobody uses it. */
  idleSince = 0;
  /** How many requests it has carried. */
  served = 0;
  closed = false;
  readonly #free: (connection: Connection) => void;
  readonly #gone: (connection: Connection) => void;
  #socket: Socket<Connection> | undefined;
  #parser: ResponseParser | undefined;
  #exchange: Exchange | undefined;
  #keepAlive = true;
  #paused = false;
  /** Bytes that the kernel did not take yet. */
  #unsent: Uint8Array | undefined;

  constructor(origin: Origin, free: (connection: Connection) => void, gone: (connection: Connection) => void) {
    this.origin = origin;
    this.#free = free;
    this.#gone = gone;
  }

  /** Opens the socket; resolves when bytes can be sent, after the handshake where there is one. */
  open(): Promise<void> {
    const { hostname, port, tls } = this.origin;
    return new Promise((resolve, reject) => {
      Bun.connect<Connection>({
        hostname,
        port,
        data: this,
        ...(tls ? { tls: { serverName: hostname, rejectUnauthorized: true } } : {}),
        socket: {
          binaryType: "buffer",
          open(socket) {
            socket.data.#socket = socket;
            socket.setNoDelay(true);
            if (!tls) resolve();
          },
          handshake(socket, success, error) {
            if (success && error === null) resolve();
            else {
              reject(error ?? Object.assign(new Error("the TLS handshake failed"), { code: "EPROTO" }));
              socket.terminate();
            }
          },
          data: (socket, bytes) => socket.data.#receive(bytes as Buffer),
          drain: (socket) => socket.data.#flush(),
          close(socket, error) {
            reject(error ?? new ConnectionClosed());
            socket.data.#closed(error);
          },
          error: (socket, error) => socket.data.#closed(error),
          connectError: (_, error) => reject(error),
        },
      }).catch(reject);
    });
  }

  /** Sends a request of `size` bytes; `exchange` hears of its answer. */
  send(bytes: string | Uint8Array, size: number, exchange: Exchange): void {
    this.served++;
    this.#exchange = exchange;
    this.#keepAlive = true;
    this.#parser = new ResponseParser(this);
    const written = this.#socket?.write(bytes) ?? -1;
    if (written < 0) this.#closed(undefined);
    else if (written < size) {
      this.#unsent = (typeof bytes === "string" ? Buffer.from(bytes) : bytes).subarray(written);
    }
  }

  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume();
  }

  /** Cuts the connection; nobody hears of it any more. */
  destroy(): void {
    this.#exchange = undefined;
    this.#socket?.terminate();
    this.#closed(undefined);
  }

  /** For the parser. */
  head(head: ResponseHead): void {
    this.#keepAlive = head.keepAlive;
    this.#exchange?.head(head);
  }

  /** For the parser. */
  body(chunk: Uint8Array): void {
    this.#exchange?.body(chunk);
  }

  /** For the parser. */
  end(surplus: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#parser = undefined;
    exchange?.end();
    if (this.closed) return;
    // Whoever held it back has all there is; the next answer must not wait for them.
    this.resume();
    // What is left of the request, or of the answer, would be taken for the next one's.
    if (!this.#keepAlive || surplus || this.#unsent !== undefined) this.#socket?.end();
    else this.#free(this);
  }

  #flush(): void {
    if (this.#unsent === undefined) return;
    const written = this.#socket?.write(this.#unsent) ?? -1;
    if (written < 0) this.#closed(undefined);
    else this.#unsent = written < this.#unsent.byteLength ? this.#unsent.subarray(written) : undefined;
  }

  #receive(bytes: Buffer): void {
    if (this.#parser === undefined || this.#exchange === undefined) {
      // Nobody asked for anything.
      this.#socket?.terminate();
      return;
    }
    try {
      this.#parser.push(bytes);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)), false);
      this.#socket?.terminate();
    }
  }

  #closed(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#gone(this);
    const parser = this.#parser;
    if (parser === undefined || this.#exchange === undefined) return;
    const untouched = parser.untouched;
    if (!parser.close()) this.#fail(error ?? new ConnectionClosed(), untouched);
  }

  #fail(error: Error, fresh: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#parser = undefined;
    exchange?.broken(error, fresh);
  }
}
