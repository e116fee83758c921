import { renameSync, unlinkSync } from "node:fs";
import type { Log } from "../events/log.ts";
import { type AbandonedJournal, abandonedJournals } from "./journal-owner.ts";
import { readJournal } from "./journal-reader.ts";
import type { LeaseRecord, SpendRecord } from "./record.ts";
import type { SpendSink } from "./spend-sink.ts";

/** Records in memory before they are written. */
const BATCH = 1_000;

/** How often a write is tried again while other processes write, a few milliseconds apart. */
const BUSY_ATTEMPTS = 2_000;

export interface RecoverySummary {
  /** Processes that died with a journal. */
  readonly owners: number;
  /** Settlements that were read; most of them were in the database already. */
  readonly settlements: number;
  /** Leases without settlement. */
  readonly interrupted: number;
  /** Lines that could not be read; their files are kept beside the journal with the suffix `.corrupt`. */
  readonly corruptLines: number;
}

export interface RecoveryOptions {
  readonly directory: string;
  readonly sink: SpendSink;
  readonly log: Log;
}

/** Writes what dead processes left in their journals to the database and deletes the journals. Can be repeated. */
export async function recoverJournals(options: RecoveryOptions): Promise<RecoverySummary> {
  const summary = { owners: 0, settlements: 0, interrupted: 0, corruptLines: 0 };
  for (const journal of abandonedJournals(options.directory)) {
    let recovered = false;
    try {
      const found = await recoverJournal(journal, options);
      recovered = true;
      if (journal.paths.length > 0) summary.owners++;
      summary.settlements += found.settlements;
      summary.interrupted += found.interrupted;
      summary.corruptLines += found.corruptLines;
    } finally {
      journal.release(recovered);
    }
  }
  if (summary.owners > 0) options.log.info("the journals of processes that had died were recovered", { ...summary });
  return summary;
}

async function recoverJournal(
  journal: AbandonedJournal,
  options: RecoveryOptions,
): Promise<Omit<RecoverySummary, "owners">> {
  const { sink, log } = options;
  const leases = new Map<string, LeaseRecord>();
  const corruptPaths = new Set<string>();
  let corruptLines = 0;
  let settlements = 0;
  let lastSeenAt = 0;
  let batch: SpendRecord[] = [];
  for (const path of journal.paths) {
    const onCorrupt = (offset: number, length: number) => {
      corruptLines++;
      corruptPaths.add(path);
      log.error("a line of a journal is corrupt and was skipped", { path, offset, length });
    };
    for (const { kind, record } of readJournal(path, { onCorrupt })) {
      if (kind === "lease") {
        leases.set(record.id, record);
        lastSeenAt = Math.max(lastSeenAt, record.startedAt);
        continue;
      }
      leases.delete(record.id);
      lastSeenAt = Math.max(lastSeenAt, record.endedAt);
      settlements++;
      if (batch.push(record) < BATCH) continue;
      await writeAll(sink, log, batch);
      batch = [];
    }
  }
  const interrupted = [...leases.values()].map((lease) => interruptedRecord(lease, lastSeenAt));
  await writeAll(sink, log, batch);
  await writeAll(sink, log, interrupted);
  await sink.sync();
  for (const path of journal.paths) {
    if (corruptPaths.has(path)) renameSync(path, `${path}.corrupt`);
    else unlinkSync(path);
  }
  return { settlements, interrupted: interrupted.length, corruptLines };
}

/**
 * What is known of a call that was in flight when its process died: it may have cost as much as its lease. No answer's
 * status was recorded, so the HTTP status is 0.
 */
function interruptedRecord(lease: LeaseRecord, lastSeenAt: number): SpendRecord {
  const { amount, ...known } = lease;
  return {
    ...known,
    model: lease.model ?? lease.modelGroup,
    provider: lease.provider ?? "",
    deploymentId: lease.deploymentId ?? "",
    apiBase: lease.apiBase ?? "",
    stream: lease.stream ?? false,
    status: "interrupted",
    endedAt: Math.max(lease.startedAt, lastSeenAt),
    cost: amount,
    price: BigInt(amount) === 0n ? "unknown" : "known",
    estimated: true,
    buckets: {},
    promptTokens: 0,
    completionTokens: 0,
    totalTokens: 0,
    httpStatus: 0,
    errorMessage: "The gateway's process died during the call; the cost is the most that the call was allowed.",
    attempts: [],
  };
}

async function writeAll(sink: SpendSink, log: Log, records: readonly SpendRecord[]): Promise<void> {
  for (let next = 0, busy = 0; next < records.length; ) {
    try {
      const { done, refused } = await sink.write(records, next);
      for (const { record, error } of refused) {
        log.error("the database refused a recovered row", { id: record.id, reason: String(error) });
      }
      next += done;
      busy = 0;
    } catch (error) {
      if (!sink.isBusy(error) || ++busy > BUSY_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 8));
    }
  }
}
