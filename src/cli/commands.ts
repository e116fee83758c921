type Environment = Readonly<Record<string, string | undefined>>;

/** A command beside `serve` and `check`, loaded only when it is asked for. */
export interface SubCommand {
  /** `arguments` are those behind the command's name. Resolves with the exit status. Throws UsageError. */
  run(args: readonly string[], environment: Environment): Promise<number>;
}

export interface SubCommandEntry {
  /** How it is called, after `isthmus`. */
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<SubCommand>;
}

/** By name, in the order of the help. */
export const SUB_COMMANDS: ReadonlyMap<string, SubCommandEntry> = new Map([
  [
    "doctor",
    {
      usage: "doctor [--config FILE]",
      summary: "look for what is wrong: configuration, PostgreSQL, Redis, providers, TLS, machine (--offline, --json)",
      load: async () => (await import("./commands/doctor.ts")).doctor,
    },
  ],
  [
    "health",
    {
      usage: "health [--url URL]",
      summary: "ask a running gateway whether it is ready; exit status 1 when it is not",
      load: async () => (await import("./commands/health.ts")).health,
    },
  ],
  [
    "import",
    {
      usage: "import litellm",
      summary:
        "take keys, users, teams, budgets, models and spend from a LiteLLM database (--database-url, --salt-key, --dry-run)",
      load: async () => (await import("./commands/import.ts")).importCommand,
    },
  ],
  [
    "ledger",
    {
      usage: "ledger verify",
      summary: "add up every row and compare the sums with all counters; exit status 1 when one differs (--json)",
      load: async () => (await import("./commands/ledger.ts")).ledger,
    },
  ],
  [
    "migrate",
    {
      usage: "migrate [--config FILE]",
      summary: "bring the database's schema up to date without serving",
      load: async () => (await import("./commands/migrate.ts")).migrate,
    },
  ],
  [
    "plan",
    {
      usage: "plan FILE",
      summary:
        "say what FILE would change of what runs at --url, or of --against FILE; exit status 2 when something does",
      load: async () => (await import("./commands/plan.ts")).plan,
    },
  ],
  [
    "simulate",
    {
      usage: "simulate [options]",
      summary:
        "serve traffic of the past by a configuration, without calling anybody (--config, --traffic or --ledger, --compare)",
      load: async () => (await import("./commands/simulate.ts")).simulate,
    },
  ],
]);

/** The lines of the help. */
export function describeSubCommands(): string {
  return [...SUB_COMMANDS.values()].map(({ usage, summary }) => `  isthmus ${usage.padEnd(24)}${summary}`).join("\n");
}
