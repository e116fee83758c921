import { createHash } from "node:crypto";
import type { JWTPayload } from "jose";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Transport } from "../../upstream/transport.ts";
import { authenticationError } from "../presented-key.ts";

const FETCH_MS = 5_000;
const MOST_BYTES = 1_000_000;
const MOST_ANSWERS = 10_000;

export interface UserInfoAnswer {
  readonly claims: JWTPayload;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** Asks the identity provider whom an access token speaks of, where the token does not say so itself. */
export class UserInfo {
  readonly #transport: Transport;
  /** By SHA-256 of the token. */
  readonly #answers = new Map<string, UserInfoAnswer>();
  readonly #asking = new Map<string, Promise<UserInfoAnswer>>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Throws the caller's refusal where the provider does not know the token, 503 where it does not answer. */
  async ask(endpoint: string, token: string, ttlSeconds: number): Promise<UserInfoAnswer> {
    const id = createHash("sha256").update(`${endpoint} ${token}`).digest("hex");
    const known = this.#answers.get(id);
    if (known !== undefined && performance.now() - known.at < ttlSeconds * 1000) return known;
    let asking = this.#asking.get(id);
    if (asking === undefined) {
      asking = this.#fetch(endpoint, token).finally(() => this.#asking.delete(id));
      this.#asking.set(id, asking);
    }
    const answer = await asking;
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear();
    this.#answers.set(id, answer);
    return answer;
  }

  async #fetch(url: string, token: string): Promise<UserInfoAnswer> {
    const call = this.#transport.open({
      method: "GET",
      url,
      headers: { accept: "application/json", authorization: `Bearer ${token}` },
      body: undefined,
    });
    const timer = setTimeout(() => call.abort(new Error("no answer within 5 s")), FETCH_MS);
    try {
      const response = await call.response;
      const text = await response.text();
      if (response.status >= 400 && response.status < 500 && response.status !== 429) throw refused(response.status);
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      if (text.length > MOST_BYTES) throw new Error("the answer is too long");
      return { claims: JSON.parse(text) as JWTPayload, at: performance.now() };
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      const place = URL.canParse(url) ? new URL(url).host : "its address";
      const reason = error instanceof Error ? error.message : String(error);
      throw new GatewayError("service_unavailable", `The identity provider at ${place} cannot be asked: ${reason}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function refused(status: number): GatewayError {
  return authenticationError(
    `Authentication Error, Validation fails: the identity provider refuses the token with status ${status}`,
  );
}
