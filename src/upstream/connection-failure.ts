import type { UpstreamFailure } from "../errors/gateway-error.ts";

/** Why a request was not answered or its body broke, as the client may see it; no URL with credentials in it. */
export function connectionFailure(error: unknown, url: string): UpstreamFailure {
  const host = hostOf(url);
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message.replace(`${code}: `, "") : String(error);
  return {
    code: "api_connection",
    message: `Connection error: ${host}: ${describe(code) ?? reason}${code === undefined ? "" : ` (${code})`}`,
    upstreamCode: code,
  };
}

function codeOf(error: unknown): string | undefined {
  const code =
    (error as { code?: unknown } | null)?.code ?? (error as { cause?: { code?: unknown } } | null)?.cause?.code;
  return typeof code === "string" ? code : undefined;
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "upstream";
  }
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ConnectionRefused: "the connection was refused",
  ECONNRESET: "the connection was closed before the answer was complete",
  ConnectionClosed: "the connection was closed before the answer was complete",
  ENOTFOUND: "the host name could not be resolved",
  EAI_AGAIN: "the host name could not be resolved",
  EPROTO: "the TLS handshake failed",
  ETIMEDOUT: "the connection timed out",
};

function describe(code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  if (
    code.startsWith("CERT_") ||
    code.startsWith("UNABLE_TO_") ||
    code.includes("SELF_SIGNED") ||
    code.startsWith("ERR_TLS")
  ) {
    return "the TLS certificate was not accepted";
  }
  return DESCRIPTIONS[code];
}
