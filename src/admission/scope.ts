import type { SpendOwner } from "../store/objects/spend-since.ts";

/** Where the ledger counts what a scope has spent, for the first look at it. */
export type SpendSource =
  | {
      readonly dimension: "key" | "user" | "team" | "organization" | "customer" | "tag";
      readonly entities: readonly string[];
    }
  /** The keys of one user in one team. */
  | { readonly dimension: "member"; readonly teamId: string; readonly userId: string }
  /** The keys of one project. */
  | { readonly dimension: "project"; readonly projectId: string }
  /** One key with one model, since a moment. */
  | { readonly dimension: "key-model"; readonly keyHash: string; readonly model: string; readonly since: number }
  /** One team with one model, since a moment. */
  | { readonly dimension: "team-model"; readonly teamId: string; readonly model: string; readonly since: number }
  /** Keys or teams since a moment. */
  | {
      readonly dimension: "window";
      readonly of: "key" | "team";
      readonly entities: readonly string[];
      readonly since: number;
    }
  /** Everybody, a provider, a deployment, an end user or a tag, since a moment. */
  | {
      readonly dimension: "since";
      readonly of: SpendOwner;
      readonly entity: string;
      readonly since: number;
    }
  /** Nothing that the ledger counts. */
  | { readonly dimension: "none" }
  /** Model groups, whoever called them, since the day of a moment. */
  | { readonly dimension: "model-groups"; readonly models: readonly string[]; readonly since: number };

/** What a scope may use. Undefined is no limit, 0 no allowance. Money is nano-dollars. */
export interface Limits {
  readonly maxBudget?: bigint;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly parallel?: number;
}

/** Something whose use is counted and limited: a key, a user, a team, a key with one model … */
export interface Scope {
  /** Unique among all scopes: `key:HASH`, `team:ID` … */
  readonly id: string;
  /** LiteLLM's word for it in messages and headers: `api_key`, `team`, `model_per_key` … */
  readonly descriptor: string;
  /** What stands behind the descriptor in messages. */
  readonly value: string;
  readonly source: SpendSource;
  /** Added to what the ledger says: what was carried over, less what a reset took away. */
  readonly offset: bigint;
  readonly limits: Limits;
  /** What it may use once its budget is spent, where it asked to be slowed down instead of refused. */
  readonly throttled?: Limits;
  /** Whether reaching the budget refuses (`at`), or only passing it (`above`), as LiteLLM has it for this scope. */
  readonly refusesWhen: "at" | "above";
  /** How a refusal for money begins. */
  readonly exceeded: (spent: bigint, limit: bigint) => string;
}

/** What a call asks of its scopes. */
export interface Ask {
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** Nano-dollars that it can cost at most; 0 where it is free. */
  readonly amount: bigint;
  /** A call at a price of 0 passes every budget. */
  readonly free: boolean;
  /** Tokens that it is expected to take, for limits per minute. */
  readonly tokens: number;
}

export type LimitKind = "budget" | "requests" | "tokens" | "max_parallel_requests";

/** Why a call is not admitted. */
export interface Refusal {
  readonly scope: Scope;
  readonly kind: LimitKind;
  /** Nano-dollars spent, offset included, for a budget. */
  readonly spent: bigint;
  /** Nano-dollars that neither were spent nor are held. */
  readonly room: bigint;
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until the window of a limit per minute ends. */
  readonly resetMs: number;
}

/** What is left of a scope's limits after a call was admitted. */
export interface Remainder {
  readonly scope: Scope;
  readonly requests: number | undefined;
  readonly tokens: number | undefined;
  /** Nano-dollars spent so far, offset included, without this call. */
  readonly spent: bigint;
  /** Nano-dollars that neither were spent nor are held, with this call; undefined without a budget. */
  readonly room: bigint | undefined;
}

/** Whether a lease may hold more. `room` is how many nano-dollars more it could have had. */
export type Extension = { readonly granted: true } | { readonly granted: false; readonly room: bigint };

export type Verdict =
  | { readonly admitted: true; readonly remainders: readonly Remainder[] }
  | { readonly admitted: false; readonly refusal: Refusal };
