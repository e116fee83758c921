/** How calls of `rawLoad` ended. */
export interface LoadEnds {
  readonly answered: number;
  /** One line a call: refused connections, resets, answers that are cut off, any status but 200. */
  readonly failures: readonly string[];
  /** Connections that were opened. */
  readonly connections: number;
}

export interface RawLoadOptions {
  readonly port: number;
  /** Callers at a time. */
  readonly callers: number;
  /** The bytes of a request, without those of its head that say how the connection goes on. */
  readonly head: string;
  readonly body: string;
  /** Whether this caller's connections are for one call each; the others stay until they are closed. */
  readonly fresh: (caller: number) => boolean;
  /** Milliseconds between a caller's calls. */
  readonly pause?: number;
  /** Whether an answer is whole. */
  readonly complete?: (answer: string) => boolean;
}

export interface RawLoad {
  /** Calls that were answered so far. */
  readonly answered: number;
  /** Lets the calls under way end, begins no others. */
  stop(): Promise<LoadEnds>;
}

/**
 * Callers that speak HTTP/1.1 by themselves and repeat nothing: what a client library would hide by a second try, such
 * as a connection that is reset before its answer, is a failure here. A connection that says `Connection: close`, or
 * that was closed before a request was written on it, is replaced.
 */
export function rawLoad(options: RawLoadOptions): RawLoad {
  let running = true;
  let answered = 0;
  let connections = 0;
  const failures: string[] = [];
  const caller = async (number: number): Promise<void> => {
    const fresh = options.fresh(number);
    const request = `${options.head}connection: ${fresh ? "close" : "keep-alive"}\r\ncontent-length: ${Buffer.byteLength(options.body)}\r\n\r\n${options.body}`;
    let connection: Connection | undefined;
    while (running) {
      try {
        if (connection === undefined || connection.closed) {
          connection = await Connection.open(options.port);
          connections++;
        }
        const answer = await connection.ask(request);
        if (!answer.startsWith("HTTP/1.1 200 ")) failures.push(answer.slice(0, 200));
        else if (options.complete?.(answer) === false) failures.push(`cut off: ${answer.slice(-200)}`);
        else answered++;
        if (fresh || /\r\nconnection: close\r\n/i.test(answer)) {
          connection.end();
          connection = undefined;
        }
      } catch (error) {
        failures.push(`${fresh ? "new" : "kept"} connection: ${error}`);
        connection?.end();
        connection = undefined;
      }
      if (options.pause !== undefined) await Bun.sleep(options.pause);
    }
    connection?.end();
  };
  const callers = Array.from({ length: options.callers }, (_, number) => caller(number));
  return {
    get answered() {
      return answered;
    },
    async stop() {
      running = false;
      await Promise.all(callers);
      return { answered, failures, connections };
    },
  };
}

class Connection {
  #socket: Bun.Socket | undefined;
  #text = "";
  #pending: PromiseWithResolvers<string> | undefined;
  #began = 0;
  closed = false;

  static async open(port: number): Promise<Connection> {
    const connection = new Connection();
    connection.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, data) => connection.#receive(data.toString("latin1")),
        close: (_, error) => connection.#close(error),
        error: (_, error) => connection.#close(error),
      },
    });
    return connection;
  }

  /** Resolves with the whole answer, as it came. */
  ask(request: string): Promise<string> {
    this.#pending = Promise.withResolvers<string>();
    this.#text = "";
    this.#began = performance.now();
    this.#socket?.write(request);
    return this.#pending.promise;
  }

  end(): void {
    this.#socket?.end();
  }

  #receive(text: string): void {
    this.#text += text;
    if (!isWhole(this.#text)) return;
    this.#pending?.resolve(this.#text);
    this.#pending = undefined;
  }

  #close(error: Error | undefined): void {
    this.closed = true;
    const after = Math.round(performance.now() - this.#began);
    this.#pending?.reject(
      new Error(`closed after ${after} ms and ${this.#text.length} bytes${error === undefined ? "" : `: ${error}`}`),
    );
    this.#pending = undefined;
  }
}

function isWhole(answer: string): boolean {
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(answer.slice(0, head + 2))?.[1];
  return length === undefined ? answer.endsWith("\r\n0\r\n\r\n") : answer.length >= head + 4 + Number(length);
}
