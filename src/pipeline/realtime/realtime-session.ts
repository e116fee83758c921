import { addUsage, type Usage } from "../../usage/usage.ts";
import { realtimeUsage } from "./realtime-usage.ts";

/** The client's end of a session, as the server has it. */
export interface ClientSocket {
  /** Bytes sent; -1 when they wait, 0 when the socket is gone. */
  send(message: string | Uint8Array): number;
  getBufferedAmount(): number;
  close(code: number, reason: string): void;
}

/** What a server's WebSocket tells. */
export interface SocketHandler {
  opened(socket: ClientSocket): void;
  received(message: string | Uint8Array): void;
  closed(code: number, reason: string): void;
}

export type SessionEnd = "success" | "failure" | "cancelled";

/** Bytes that may wait for one side while the other goes on talking. */
const MOST_WAITING = 16 * 1024 * 1024;

const NORMAL = 1000;
const GOING_AWAY = 1001;
const TOO_BIG = 1009;
const INTERNAL = 1011;
const TRY_LATER = 1013;

/** Codes that a program may send; others only ever stand for what happened on the wire (RFC 6455, section 7.4). */
function sendable(code: number): boolean {
  return code === NORMAL || (code >= 3000 && code <= 4999) || (code >= 1007 && code <= 1014);
}

/** Bridges a client's WebSocket and a provider's, event by event, and adds up what the provider says was consumed. */
export class RealtimeSession implements SocketHandler {
  readonly #upstream: WebSocket;
  readonly #transcribes: boolean;
  readonly #ended: (end: SessionEnd, usage: Usage) => void;
  #client: ClientSocket | undefined;
  /** Events of the provider that come before the client's end is open. */
  #early: (string | Uint8Array)[] = [];
  #usage: Usage = { buckets: {} };
  #over = false;

  /** `upstream` is open. `ended` is called once, with the usage of the whole session. */
  constructor(upstream: WebSocket, transcribes: boolean, ended: (end: SessionEnd, usage: Usage) => void) {
    this.#upstream = upstream;
    this.#transcribes = transcribes;
    this.#ended = ended;
    upstream.addEventListener("message", ({ data }) => this.#fromProvider(data as string | ArrayBuffer));
    upstream.addEventListener("close", ({ code, reason }) => this.#providerClosed(code, reason));
  }

  opened(socket: ClientSocket): void {
    this.#client = socket;
    if (this.#over) {
      socket.close(INTERNAL, "the provider closed the session");
      return;
    }
    for (const message of this.#early) socket.send(message);
    this.#early = [];
  }

  received(message: string | Uint8Array): void {
    if (this.#over) return;
    if (this.#upstream.bufferedAmount > MOST_WAITING) {
      this.#tell("The provider does not read as fast as you send.", "rate_limit_error");
      this.end("failure", TRY_LATER, "the provider is too slow");
      return;
    }
    this.#upstream.send(message as string | Uint8Array<ArrayBuffer>);
  }

  closed(): void {
    // The provider is told goodbye in order, whatever the client did.
    this.end("cancelled", NORMAL, "");
  }

  /** Ends both sides. The client is told why by the code, which the provider need not know. */
  end(end: SessionEnd, code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#early = [];
    this.#upstream.close(NORMAL);
    this.#ended(end, this.#usage);
    this.#client?.close(code, reason);
  }

  /** The gateway stops. */
  goAway(): void {
    this.end("cancelled", GOING_AWAY, "the gateway is shutting down");
  }

  /** It has lasted as long as a session may. */
  expire(): void {
    this.#tell("The session has reached its longest duration.", "invalid_request_error", "session_expired");
    this.end("success", NORMAL, "session expired");
  }

  #fromProvider(data: string | ArrayBuffer): void {
    if (this.#over) return;
    const message = typeof data === "string" ? data : new Uint8Array(data);
    if (typeof message === "string") {
      const usage = realtimeUsage(message, this.#transcribes);
      if (usage !== undefined) this.#usage = addUsage(this.#usage, usage);
    }
    const client = this.#client;
    if (client === undefined) {
      this.#early.push(message);
      return;
    }
    client.send(message);
    if (client.getBufferedAmount() > MOST_WAITING) this.end("cancelled", TOO_BIG, "the client reads too slowly");
  }

  #providerClosed(code: number, reason: string): void {
    if (this.#over) return;
    const orderly = code === NORMAL || code === GOING_AWAY;
    if (!orderly)
      this.#tell(`The provider's connection ended (${code})${reason === "" ? "" : `: ${reason}`}`, "server_error");
    this.end(orderly ? "success" : "failure", sendable(code) ? code : orderly ? NORMAL : INTERNAL, reason);
  }

  /** An event as OpenAI's clients know it. */
  #tell(message: string, type: string, code?: string): void {
    this.#client?.send(
      JSON.stringify({ type: "error", error: { type, code: code ?? null, message, param: null, event_id: null } }),
    );
  }
}
