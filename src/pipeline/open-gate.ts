import { Admission } from "../admission/admission.ts";
import type { Counters, ReadSpend } from "../admission/counters.ts";
import { type LimitSettings, limitSettingsOf } from "../admission/limit-settings.ts";
import { MemoryCounters } from "../admission/memory-counters.ts";
import { readSpendFrom } from "../admission/read-spend.ts";
import { RedisCounters } from "../admission/redis-counters.ts";
import { countersFile, SqliteCounters } from "../admission/sqlite-counters.ts";
import { AllowedAddresses } from "../auth/allowed-addresses.ts";
import { Customers } from "../auth/customers.ts";
import { GroupBudgets } from "../auth/group-budgets.ts";
import { KeyDirectory } from "../auth/key-directory.ts";
import { NamedScopes } from "../auth/named-scopes.ts";
import { ProxyScopes } from "../auth/proxy-scopes.ts";
import type { Log } from "../events/log.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Database } from "../store/database.ts";
import { accessGroups } from "../store/objects/access-groups.ts";
import type { ResetClock } from "../store/objects/budget-window.ts";
import type { RedisClient } from "../store/redis/redis-client.ts";
import type { Gate } from "./admit.ts";

/** Stored access groups and addresses are read again this often: the longest that a change elsewhere takes to be seen. */
const REFRESH_MS = 10_000;

export interface GateOptions {
  readonly database: Database;
  readonly dataDir: string;
  readonly log: Log;
  /** Whether other processes of this machine serve the same keys. */
  readonly shared: boolean;
  /** Counts for all machines that share it. */
  readonly redis: RedisClient | undefined;
  readonly resetClock: () => ResetClock;
  /** The configuration in force. */
  readonly snapshot: () => Snapshot;
}

export interface OpenGate extends Gate {
  readonly directory: KeyDirectory;
  /** Something that keys and limits depend on has changed. */
  changed(): Promise<void>;
  close(): Promise<void>;
}

/** Opens what admits requests: who holds keys, and what they have left. */
export async function openGate(options: GateOptions): Promise<OpenGate> {
  const { database, log } = options;
  const read = readSpendFrom(database);
  const counters = countersFor(options, read);
  const settings = (): LimitSettings => limitSettingsOf(options.snapshot());
  const directory = new KeyDirectory({ database, resetClock: options.resetClock, settings });
  const proxyScopes = new ProxyScopes(options.resetClock);
  const named = new NamedScopes(directory);
  const customers = new Customers(database);
  const groupBudgets = new GroupBudgets(database, options.resetClock);
  let groups: ReadonlyMap<string, readonly string[]> = new Map();
  const refresh = async (): Promise<void> => {
    try {
      groups = await storedGroups(database);
      await groupBudgets.refresh(Date.now());
    } catch (error) {
      log.warning("access groups cannot be read; those that were known stay", { reason: String(error) });
    }
  };
  const addresses = new AllowedAddresses(database, log);
  const refreshAll = async (): Promise<void> => {
    await Promise.all([refresh(), addresses.refresh()]);
  };
  await refreshAll();
  const timer = setInterval(() => void refreshAll(), REFRESH_MS);
  timer.unref();
  const admission = new Admission(counters, log);
  return {
    admission,
    addresses,
    directory,
    accessGroups: () => groups,
    customer: (endUser) => customers.of(endUser),
    knowsEndUser: (endUser) => customers.knows(endUser),
    configuredScopes: (snapshot, deployments, tags) => {
      const ofAll = proxyScopes.of(snapshot, tags);
      const ofGroups = groupBudgets.of(snapshot, deployments);
      if (ofGroups.length === 0) return ofAll;
      return ofAll.length === 0 ? ofGroups : [...ofAll, ...ofGroups];
    },
    namedScopes: (endUser, tags) => named.of(endUser, tags),
    async changed() {
      named.forget();
      customers.forget();
      await refreshAll();
    },
    async close() {
      clearInterval(timer);
      await admission.close();
    },
  };
}

/** Shared by as many as serve the same keys: machines over Redis, processes over a file. */
function countersFor({ redis, shared, dataDir, log, snapshot }: GateOptions, read: ReadSpend): Counters {
  if (redis !== undefined) {
    return new RedisCounters({ redis, read, log, failClosed: () => limitSettingsOf(snapshot()).failClosed });
  }
  return shared ? new SqliteCounters(countersFile(dataDir), read) : new MemoryCounters(read);
}

async function storedGroups(database: Database): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await accessGroups.page(database.kysely, {
    where: [],
    orderBy: "access_group_name",
    descending: false,
    limit: 10_000,
    offset: 0,
  });
  const groups = new Map<string, readonly string[]>();
  for (const { access_group_id, access_group_name, model_names } of rows) {
    const names = JSON.parse(model_names) as string[];
    groups.set(access_group_name, names);
    groups.set(access_group_id, names);
  }
  return groups;
}
