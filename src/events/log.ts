/** `debug` shows the course of each request, `trace` also bodies' sizes and headers' names; no level shows secrets. */
export type LogLevel = "error" | "warning" | "info" | "debug" | "trace";

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const RANK: Readonly<Record<LogLevel, number>> = { error: 0, warning: 1, info: 2, debug: 3, trace: 4 };

/** Bytes of unwritten lines beyond which lines are counted instead of kept. */
const BUFFER_LIMIT = 4 * 1024 * 1024;

/**
 * Lines of `level message key=value …` (or JSON), written in batches and never synchronously on the request path.
 * When the sink is slower than the log, lines are dropped and their number is said.
 */
export class Log {
  readonly #rank: number;
  readonly #json: boolean;
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  #lines: string[] = [];
  #size = 0;
  #dropped = 0;
  #scheduled = false;

  constructor(options: {
    readonly level: LogLevel;
    readonly json?: boolean;
    readonly write: (text: string) => void;
    readonly now?: () => number;
  }) {
    this.#rank = RANK[options.level];
    this.#json = options.json ?? false;
    this.#write = options.write;
    this.#now = options.now ?? Date.now;
  }

  enabled(level: LogLevel): boolean {
    return RANK[level] <= this.#rank;
  }

  error(message: string, fields?: LogFields): void {
    this.#add("error", message, fields);
  }

  warning(message: string, fields?: LogFields): void {
    this.#add("warning", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#add("info", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#add("debug", message, fields);
  }

  /** Writes what is waiting. */
  flush(): void {
    this.#scheduled = false;
    if (this.#dropped > 0) {
      this.#lines.push(`${this.#dropped} log lines were dropped because they could not be written fast enough\n`);
      this.#dropped = 0;
    }
    if (this.#lines.length === 0) return;
    const text = this.#lines.join("");
    this.#lines = [];
    this.#size = 0;
    this.#write(text);
  }

  #add(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!this.enabled(level)) return;
    const time = new Date(this.#now()).toISOString();
    const line = this.#json
      ? `${JSON.stringify({ time, level, message, ...fields })}\n`
      : `${time} ${level.toUpperCase()} ${oneLine(message)}${plain(fields)}\n`;
    if (this.#size + line.length > BUFFER_LIMIT) {
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#size += line.length;
    if (!this.#scheduled) {
      this.#scheduled = true;
      setTimeout(() => this.flush(), 20);
    }
  }
}

function plain(fields: LogFields | undefined): string {
  if (fields === undefined) return "";
  let text = "";
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${name}=${typeof value === "string" ? JSON.stringify(value) : value}`;
  }
  return text;
}

/** Callers' text must not be able to forge lines. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " ⏎ ");
}
