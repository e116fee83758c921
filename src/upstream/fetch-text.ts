import type { Transport } from "./transport.ts";

/** A page of an operator's own choosing, whole. Rejects when no answer came in time. */
export async function fetchText(
  transport: Transport,
  url: string,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly text: string }> {
  const call = transport.open({ method: "GET", url, headers: { accept: "*/*" }, body: undefined });
  const timer = setTimeout(() => call.abort(new Error(`${url} did not answer in ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    const answer = await call.response;
    return { status: answer.status, text: await answer.text() };
  } finally {
    clearTimeout(timer);
  }
}
