import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { isObject, type Json, type JsonObject } from "../json/json.ts";
import type { Connection } from "./objects/object-table.ts";

const PREFIX = "sealed:1:";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FIRST_KEY = "first";

/** A stored secret that cannot be read: it was sealed with another salt key, or it was changed. */
export class UnreadableSecret extends Error {
  override readonly name = "UnreadableSecret";
}

/**
 * Encryption of what the database keeps secret. Values are sealed with data keys; the data keys are in the database
 * too, sealed with the salt key, which is nowhere but in the environment. To change the salt key, only the data keys
 * need to be sealed anew; to change the data key, `rotate` makes one and `seal` uses it from then on.
 */
export class Secrets {
  readonly #wrappingKey: Buffer;
  readonly #dataKeys = new Map<string, Buffer>();
  #activeId: string | undefined;

  constructor(saltKey: string) {
    this.#wrappingKey = wrappingKeyOf(saltKey);
  }

  /**
   * Reads the data keys, those of other processes too, and makes the first where there is none. To be called before
   * secrets are sealed or unsealed. Throws UnreadableSecret when the salt key is not theirs.
   */
  async load(connection: Connection): Promise<void> {
    if (await this.#read(connection)) return;
    // Of several processes that start at once one makes the key, and all read the same.
    const wrapped = close(this.#wrappingKey, randomBytes(32), FIRST_KEY);
    await connection
      .insertInto("data_key")
      .values({ id: FIRST_KEY, wrapped, active: 1, created_at: Date.now() })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
    await this.#read(connection);
  }

  /** Returns whether there is a key to seal with. */
  async #read(connection: Connection): Promise<boolean> {
    const rows = await connection.selectFrom("data_key").selectAll().orderBy("created_at").execute();
    for (const row of rows) {
      if (!this.#dataKeys.has(row.id)) this.#dataKeys.set(row.id, open(this.#wrappingKey, row.wrapped, row.id));
      if (row.active === 1) this.#activeId = row.id;
    }
    return this.#activeId !== undefined;
  }

  /** Forgets what is known and reads the data keys anew: a transaction that made one was undone. */
  async reload(connection: Connection): Promise<void> {
    this.#dataKeys.clear();
    this.#activeId = undefined;
    await this.load(connection);
  }

  /**
   * Makes a new data key the active one; what older ones sealed stays readable. Where the transaction is undone, `reload`
   * has to follow.
   */
  async rotate(connection: Connection): Promise<string> {
    const id = randomUUID();
    const key = randomBytes(32);
    await connection.updateTable("data_key").set({ active: 0 }).execute();
    await connection
      .insertInto("data_key")
      .values({ id, wrapped: close(this.#wrappingKey, key, id), active: 1, created_at: Date.now() })
      .execute();
    this.#dataKeys.set(id, key);
    this.#activeId = id;
    return id;
  }

  /**
   * Seals with this salt key what an earlier one sealed; to be called before `load`. Returns whether there was anything
   * to do: data keys that this salt key opens already stay. Throws UnreadableSecret when neither opens them.
   */
  async moveFrom(connection: Connection, previous: string): Promise<boolean> {
    return connection.transaction().execute(async (transaction) => {
      const rows = await transaction.selectFrom("data_key").selectAll().execute();
      const foreign = rows.filter((row) => !opens(this.#wrappingKey, row));
      for (const { id, wrapped } of foreign) {
        const key = open(wrappingKeyOf(previous), wrapped, id);
        const mine = close(this.#wrappingKey, key, id);
        await transaction.updateTable("data_key").set({ wrapped: mine }).where("id", "=", id).execute();
      }
      return foreign.length > 0;
    });
  }

  /** Seals the data keys with a new salt key; from then on only that one opens them. */
  async rewrap(transaction: Connection, saltKey: string): Promise<void> {
    const wrappingKey = wrappingKeyOf(saltKey);
    for (const [id, key] of this.#dataKeys) {
      await transaction
        .updateTable("data_key")
        .set({ wrapped: close(wrappingKey, key, id) })
        .where("id", "=", id)
        .execute();
    }
  }

  /** Text as the database keeps it. `context` (`credential:name`) binds it to its place: it cannot be moved elsewhere. */
  seal(text: string, context: string): string {
    if (this.#activeId === undefined) throw new UnreadableSecret("the keys for secrets have not been read");
    const key = this.#dataKeys.get(this.#activeId) as Buffer;
    return `${PREFIX}${this.#activeId}:${close(key, Buffer.from(text, "utf8"), context)}`;
  }

  /** The text that was sealed; text that never was sealed comes back as it is. */
  unseal(text: string, context: string): string {
    if (!text.startsWith(PREFIX)) return text;
    const [id, sealed] = split(text);
    const key = this.#dataKeys.get(id);
    if (key === undefined)
      throw new UnreadableSecret("a stored secret was sealed with another LITELLM_SALT_KEY: its key cannot be opened");
    return open(key, sealed, context).toString("utf8");
  }

  /** Whether a stored text is sealed with the key now in use. */
  isCurrent(text: string): boolean {
    return text.startsWith(PREFIX) && split(text)[0] === this.#activeId;
  }

  /** An object with every string in it sealed; numbers, booleans and nulls stay plain. */
  sealObject(value: JsonObject, context: string): JsonObject {
    return mapStrings(value, (text) => this.seal(text, context)) as JsonObject;
  }

  unsealObject(value: JsonObject, context: string): JsonObject {
    return mapStrings(value, (text) => this.unseal(text, context)) as JsonObject;
  }
}

function opens(wrappingKey: Buffer, { id, wrapped }: { readonly id: string; readonly wrapped: string }): boolean {
  try {
    open(wrappingKey, wrapped, id);
    return true;
  } catch (error) {
    if (error instanceof UnreadableSecret) return false;
    throw error;
  }
}

function mapStrings(value: Json, map: (text: string) => string): Json {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((item: Json) => mapStrings(item, map));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, member === undefined ? undefined : mapStrings(member, map)]),
  );
}

function split(text: string): [id: string, sealed: string] {
  const rest = text.slice(PREFIX.length);
  const colon = rest.indexOf(":");
  return [rest.slice(0, colon), rest.slice(colon + 1)];
}

function wrappingKeyOf(saltKey: string): Buffer {
  const salt = createHash("sha256").update("isthmus-data-keys").digest();
  return Buffer.from(hkdfSync("sha256", saltKey, salt, "isthmus-wrapping-key-1", 32));
}

/** AES-256-GCM: nonce, ciphertext and tag, base64url. */
function close(key: Buffer, text: Buffer, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context, "utf8"));
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString("base64url");
}

function open(key: Buffer, sealed: string, context: string): Buffer {
  const bytes = Buffer.from(sealed, "base64url");
  const nonce = bytes.subarray(0, NONCE_BYTES);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce)
      .setAAD(Buffer.from(context, "utf8"))
      .setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new UnreadableSecret("a stored secret was sealed with another LITELLM_SALT_KEY, or was changed", { cause });
  }
}
