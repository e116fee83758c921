import type { SocketHandler } from "../pipeline/realtime/realtime-session.ts";

/** Stands for the answer to a request that became a WebSocket; nothing of it is sent. */
export const UPGRADED = new Response(null, { status: 204 });

/** Browsers cannot send header fields with a WebSocket and put the key among the protocols, as OpenAI has it. */
export const KEY_PROTOCOL = "openai-insecure-api-key.";

export function offeredProtocols(headers: Headers): readonly string[] {
  return (headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** The key that a browser's WebSocket presents. */
export function protocolKey(headers: Headers): string | undefined {
  return offeredProtocols(headers)
    .find((name) => name.startsWith(KEY_PROTOCOL))
    ?.slice(KEY_PROTOCOL.length);
}

/** The largest event that a client may send; audio comes in pieces. */
const LARGEST_MESSAGE = 16 * 1024 * 1024;

/** How Bun's server tells a socket's handler what happens to it. */
export const SOCKETS: Bun.WebSocketHandler<SocketHandler> = {
  maxPayloadLength: LARGEST_MESSAGE,
  // Whoever talks sets its own pace; a dead connection is found by pings.
  idleTimeout: 120,
  sendPings: true,
  backpressureLimit: 2 * LARGEST_MESSAGE,
  open: (socket) => socket.data.opened(socket),
  message: (socket, message) => socket.data.received(message),
  close: (socket, code, reason) => socket.data.closed(code, reason),
};
