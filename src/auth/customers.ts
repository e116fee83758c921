import type { Database } from "../store/database.ts";
import { customers } from "../store/objects/customers.ts";
import { findUserByEmail, users } from "../store/objects/users.ts";
import type { ModelList } from "./model-access.ts";

/** What was looked up is good for so long. */
const FRESH_MS = 10_000;
const MOST_NAMES = 20_000;

/** What requests on behalf of an end user may do, beside what its budget says. */
export interface Customer {
  readonly blocked: boolean;
  /** Empty is no restriction. */
  readonly access: ModelList;
  /** `eu`, `us` or a region: nothing else may serve it. */
  readonly allowedRegion: string | undefined;
  /** Serves what names no model, or one that the region does not have. */
  readonly defaultModel: string | undefined;
}

interface Known {
  readonly customer: Customer | undefined;
  readonly at: number;
}

/** End users that were given rules, kept for a while: most names have none, and are asked for often. */
export class Customers {
  readonly #database: Database;
  readonly #known = new Map<string, Known>();
  readonly #found = new Map<string, { readonly exists: boolean; readonly at: number }>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** A promise only when it has to be looked up. */
  of(id: string): Customer | undefined | Promise<Customer | undefined> {
    const known = this.#known.get(id);
    return known === undefined || performance.now() - known.at > FRESH_MS ? this.#lookUp(id, known) : known.customer;
  }

  /** Whether an end user is a customer, a user, or a user's address. While the database is away, everybody is. */
  async knows(id: string): Promise<boolean> {
    const found = this.#found.get(id);
    if (found !== undefined && performance.now() - found.at <= FRESH_MS) return found.exists;
    try {
      const exists = await this.#exists(id);
      if (this.#found.size >= MOST_NAMES) this.#found.clear();
      this.#found.set(id, { exists, at: performance.now() });
      return exists;
    } catch {
      return found?.exists ?? true;
    }
  }

  forget(): void {
    this.#known.clear();
    this.#found.clear();
  }

  async #exists(id: string): Promise<boolean> {
    const { kysely } = this.#database;
    if ((await customers.find(kysely, id)) !== undefined || (await users.find(kysely, id)) !== undefined) return true;
    return id.includes("@") && (await findUserByEmail(kysely, id)) !== undefined;
  }

  async #lookUp(id: string, known: Known | undefined): Promise<Customer | undefined> {
    let customer: Customer | undefined;
    try {
      customer = await this.#read(id);
    } catch {
      // While the database is away, what was known goes on; a name that nobody had seen has no rules.
      return known?.customer;
    }
    if (this.#known.size >= MOST_NAMES) this.#known.clear();
    this.#known.set(id, { customer, at: performance.now() });
    return customer;
  }

  async #read(id: string): Promise<Customer | undefined> {
    const row = await customers.find(this.#database.kysely, id);
    if (row === undefined) return undefined;
    const models = JSON.parse(row.models) as string[];
    if (row.blocked === 0 && models.length === 0 && row.allowed_model_region === null && row.default_model === null) {
      return undefined;
    }
    return {
      blocked: row.blocked === 1,
      access: { object: "customer", models },
      allowedRegion: row.allowed_model_region ?? undefined,
      defaultModel: row.default_model ?? undefined,
    };
  }
}
