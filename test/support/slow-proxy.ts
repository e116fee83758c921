import type { Socket, TCPSocketListener } from "bun";

interface Pair {
  other: Socket<Pair> | undefined;
  waiting: Uint8Array[];
}

/** Stands between a gateway and a service: passes everything on, late, or not at all. */
export class SlowProxy {
  /** Milliseconds that every piece is kept back, in both directions. */
  delay = 0;
  readonly #target: number;
  readonly #open = new Set<Socket<Pair>>();
  #listener: TCPSocketListener<Pair> | undefined;
  #port = 0;

  constructor(target: number) {
    this.#target = target;
    this.start();
  }

  get port(): number {
    return this.#port;
  }

  /** Takes connections (again), on the same port. */
  start(): void {
    this.#listener = Bun.listen<Pair>({
      hostname: "127.0.0.1",
      port: this.#port,
      socket: {
        open: (socket) => {
          socket.data = { other: undefined, waiting: [] };
          this.#open.add(socket);
          void this.#connect(socket);
        },
        data: (socket, data) => this.#pass(socket, data.slice()),
        close: (socket) => this.#closed(socket),
        error: (socket) => this.#closed(socket),
      },
    });
    this.#port = this.#listener.port;
  }

  /** Breaks all connections and takes no more. */
  stop(): void {
    this.#listener?.stop(true);
    this.#listener = undefined;
    for (const socket of [...this.#open]) this.#closed(socket);
  }

  async #connect(client: Socket<Pair>): Promise<void> {
    try {
      const server = await Bun.connect<Pair>({
        hostname: "127.0.0.1",
        port: this.#target,
        data: { other: client, waiting: [] },
        socket: {
          data: (socket, data) => this.#pass(socket, data.slice()),
          close: (socket) => this.#closed(socket),
          error: (socket) => this.#closed(socket),
        },
      });
      this.#open.add(server);
      client.data.other = server;
      for (const piece of client.data.waiting.splice(0)) server.write(piece);
    } catch {
      this.#closed(client);
    }
  }

  #pass(from: Socket<Pair>, piece: Uint8Array): void {
    const send = (): void => {
      const { other, waiting } = from.data;
      if (other === undefined) waiting.push(piece);
      else other.write(piece);
    };
    if (this.delay > 0) setTimeout(send, this.delay);
    else send();
  }

  #closed(socket: Socket<Pair>): void {
    if (!this.#open.delete(socket)) return;
    socket.terminate();
    const { other } = socket.data;
    if (other !== undefined) this.#closed(other);
  }
}
