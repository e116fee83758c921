/** The parts of a deployment that are looked at, in the order of the report. */
export const AREAS = [
  "configuration",
  "environment",
  "postgresql",
  "redis",
  "providers",
  "public address",
  "machine",
] as const;

export type Area = (typeof AREAS)[number];

/** One thing that was looked at. */
export interface Finding {
  readonly area: Area;
  /** `problem`: something does not work; `warning`: it works, but not as it should; `skipped`: it was not looked at. */
  readonly status: "ok" | "warning" | "problem" | "skipped";
  /** Stable, for scripts: `postgres_password`, `dns_missing` … */
  readonly code: string;
  /** What was found, in a sentence. Never holds a secret. */
  readonly what: string;
  /** Why it matters. */
  readonly why?: string;
  /** The command or the edit that mends it. */
  readonly fix?: string;
}

/** What a look at one area needs. */
export interface Examination {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of the configuration; undefined when none is used. */
  readonly config: string | undefined;
  readonly dataDir: string;
  /** Nothing is asked outside this machine: neither providers nor DNS. */
  readonly offline: boolean;
  /** Where clients reach the gateway, for instance `https://isthmus.example.com`; undefined when it is not known. */
  readonly publicUrl: URL | undefined;
  /** Longest wait for any one answer, in milliseconds. */
  readonly patienceMs: number;
}

/** Makes the findings of one area. */
export function findingsOf(area: Area) {
  const make =
    (status: Finding["status"]) =>
    (code: string, what: string, more: { readonly why?: string; readonly fix?: string } = {}): Finding => ({
      area,
      status,
      code,
      what,
      ...more,
    });
  return { ok: make("ok"), warning: make("warning"), problem: make("problem"), skipped: make("skipped") };
}
