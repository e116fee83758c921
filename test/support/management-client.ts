import { expect } from "bun:test";
import type { RunningGateway } from "./gateway.ts";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field
  readonly body: any;
}

/** Calls a gateway's HTTP API as an operator does. */
export class ManagementClient {
  readonly gateway: Pick<RunningGateway, "url" | "key">;

  constructor(gateway: Pick<RunningGateway, "url" | "key">) {
    this.gateway = gateway;
  }

  /** `key`: the master key unless given; null for none. */
  async call(method: string, path: string, body?: unknown, key: unknown = this.gateway.key): Promise<Answer> {
    const response = await fetch(this.gateway.url + path, {
      method,
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), "content-type": "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    return { status: response.status, body: json ? JSON.parse(text) : text };
  }

  /** As `call`, and the answer must be a success. */
  async ok(method: string, path: string, body?: unknown, key?: unknown) {
    const answer = await this.call(method, path, body, key ?? this.gateway.key);
    expect(answer).toMatchObject({ status: 200 });
    return answer.body;
  }

  chat(model: string, key?: unknown, extra: object = {}): Promise<Answer> {
    const messages = [{ role: "user", content: "hi" }];
    return this.call("POST", "/v1/chat/completions", { model, messages, ...extra }, key ?? this.gateway.key);
  }

  /** A user with a key of its own. */
  async person(role: string, fields: object = {}): Promise<{ readonly id: string; readonly key: string }> {
    const made = await this.ok("POST", "/user/new", { user_id: unique(role), user_role: role, ...fields });
    return { id: made.user_id, key: made.key };
  }
}

export const unique = (name: string): string => `${name}-${crypto.randomUUID().slice(0, 8)}`;
