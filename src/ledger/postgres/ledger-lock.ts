/**
 * Number of the advisory lock that every writer of the ledger holds during its transaction. It makes row numbers become
 * visible in their order, so that a watermark never passes a row that is still to come, and keeps replacements of
 * interrupted rows apart from the rollups that may have counted them.
 */
export const LEDGER_LOCK = 0x6c_65_64_67_65_72n;
