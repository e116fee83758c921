/**
 * npm run bench:scale: what a million keys and ten million rows cost whoever asks. The same questions go to three
 * gateways in turns: on an empty database, on one with just enough for answers of the same size, and on a large one.
 *
 *   npm run bench:scale                                        SQLite at full size; seeds .isthmus-seed first (20 minutes, 10 GB)
 *   npm run bench:scale -- --keys 100000 --rows 1000000        smaller
 *   npm run bench:scale -- --data-dir DIR                      a folder that npm run seed filled
 *   npm run bench:scale -- --store postgres                    on a PostgreSQL of its own, which is seeded first
 *   npm run bench:scale -- --database-url postgres://…         on a database that npm run seed filled; small ones beside it
 *   npm run bench:scale -- --write                             and keep the figures in bench/results.md
 */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startPostgresServer } from "../scripts/services/postgres.ts";
import { endProcess, freePort, startProcess, temporaryFolder } from "../scripts/services/service.ts";
import { createDatabase } from "../test/support/services/postgres.ts";
import { writePart } from "./results-file.ts";
import { type Asked, DIFFERENT, QUESTIONS } from "./scale/questions.ts";
import { median } from "./statistics.ts";

const ROOT = join(import.meta.dir, "..");
const KEY = "sk-scale-0123456789abcdef";
const DAY_MS = 86_400_000;
/** Enough for answers of the same size: as many keys and users of a day as an answer names. */
const SMALL = { keys: 10_000, rows: 300_000, activeKeys: 5_000 };

const { values } = parseArgs({
  options: {
    store: { type: "string", default: "sqlite" },
    keys: { type: "string", default: "1000000" },
    rows: { type: "string", default: "10000000" },
    "data-dir": { type: "string", default: ".isthmus-seed" },
    rounds: { type: "string", default: "31" },
    only: { type: "string" },
    "database-url": { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const large = { keys: Number(values.keys), rows: Number(values.rows), activeKeys: 5_000 };
const folder = temporaryFolder("scale");
const closing: (() => Promise<unknown>)[] = [async () => folder.remove()];

interface Subject {
  readonly name: string;
  readonly url: string;
  readonly asked: Asked;
}

try {
  const given = values["database-url"];
  const dialect = given !== undefined || values.store === "postgres" ? "postgres" : "sqlite";
  const places = dialect === "sqlite" ? onSqlite() : await (given === undefined ? onPostgres() : besidePostgres(given));
  const subjects: Subject[] = [];
  for (const [at, [name, size]] of [
    ["empty", undefined],
    ["small", SMALL],
    ["large", large],
  ].entries() as ArrayIterator<[number, [string, typeof SMALL | undefined]]>) {
    const place = places[at] as Place;
    if (size !== undefined && !place.filled) await seed(place, size);
    subjects.push(await serve(name, place, size));
  }
  const lines = [
    `| | empty, ms | small, ms | large, ms | large / small | large / empty |`,
    "| --- | ---: | ---: | ---: | ---: | ---: |",
  ];
  console.log(lines.join("\n"));
  for (const question of QUESTIONS) {
    if (values.only !== undefined && !question.name.includes(values.only)) continue;
    const times = subjects.map((): number[] => []);
    for (let round = 0; round < rounds + DIFFERENT; round++) {
      for (const [at, subject] of subjects.entries()) {
        const took = await time(subject, question.ask(subject.asked, round));
        if (round >= DIFFERENT) times[at]?.push(took);
      }
    }
    const [empty = 0, small = 0, big = 0] = times.map(median);
    const cells = [empty, small, big].map((ms) => ms.toFixed(2));
    lines.push(
      `| ${question.name} | ${cells.join(" | ")} | ${(big / small).toFixed(2)} | ${(big / empty).toFixed(2)} |`,
    );
    console.log(lines.at(-1));
  }
  if (values.write) writePart(`scale-${dialect}`, sectionOf(dialect, lines));
} finally {
  for (const close of closing.reverse()) await close();
}

interface Place {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly filled: boolean;
}

function onSqlite(): Place[] {
  const at = (path: string): Place => ({
    args: ["--data-dir", path],
    env: {},
    filled: existsSync(join(path, "isthmus.db")),
  });
  return [at(join(folder.path, "empty")), at(join(folder.path, "small")), at(resolve(values["data-dir"]))];
}

async function onPostgres(): Promise<Place[]> {
  const server = await startPostgresServer();
  closing.push(() => server.stop());
  const places: Place[] = [];
  for (const name of ["empty", "small", "large"]) {
    const { url } = await createDatabase(server.url, name);
    places.push({ args: ["--data-dir", join(folder.path, name)], env: { DATABASE_URL: url }, filled: false });
  }
  return places;
}

/** Two databases of its own beside one that is filled, on the same server. */
async function besidePostgres(url: string): Promise<Place[]> {
  const places: Place[] = [];
  for (const name of ["empty", "small"]) {
    const made = await createDatabase(url, name);
    closing.push(() => made.drop());
    places.push({ args: ["--data-dir", join(folder.path, name)], env: { DATABASE_URL: made.url }, filled: false });
  }
  return [...places, { args: ["--data-dir", join(folder.path, "large")], env: { DATABASE_URL: url }, filled: true }];
}

function sectionOf(dialect: "sqlite" | "postgres", lines: readonly string[]): string {
  const name = dialect === "sqlite" ? "SQLite" : "PostgreSQL";
  const command =
    dialect === "sqlite" ? "npm run bench:scale -- --write" : "npm run bench:scale -- --store postgres --write";
  return `## Much in the store: ${name}

Written by \`${command}\` on Bun ${Bun.version}. The same questions to three gateways in turns: on an empty database, on one of
${count(SMALL.keys)} keys and ${count(SMALL.rows)} rows, whose answers have the same size, and on one of ${count(large.keys)} keys and ${count(large.rows)} rows
(\`npm run seed\`). Milliseconds of one request from outside, the median of ${rounds}, each asked
before. An empty database has nothing to answer: what
much costs is the column *large / small*.

${lines.join("\n")}
`;
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

async function seed(place: Place, size: typeof SMALL): Promise<void> {
  const where = place.env.DATABASE_URL === undefined ? place.args : ["--database-url", place.env.DATABASE_URL];
  const counts = ["--keys", `${size.keys}`, "--rows", `${size.rows}`, "--active-keys", `${size.activeKeys}`];
  const command = [process.execPath, join(ROOT, "scripts/seed.ts"), ...where, ...counts];
  const child = Bun.spawn(command, { stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("the seed failed");
}

async function serve(name: string, place: Place, size: typeof SMALL | undefined): Promise<Subject> {
  const home = join(folder.path, `home-${name}`);
  mkdirSync(home);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = await startProcess(
    [join(ROOT, "bin/isthmus"), "serve", "--host", "127.0.0.1", "--port", `${port}`, ...place.args],
    async () => (await fetch(`${url}/health/readiness`).catch(() => undefined))?.ok === true,
    { cwd: home, env: { ...process.env, ...place.env, LITELLM_MASTER_KEY: KEY } },
  );
  closing.push(() => endProcess(child));
  const unused: string[] = [];
  for (let at = 0; at < rounds + DIFFERENT; at++) {
    const made = await fetch(`${url}/key/generate`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ max_budget: 10, rpm_limit: 1000 }),
    });
    unused.push(((await made.json()) as { key: string }).key);
  }
  const newest = (await (
    await fetch(`${url}/spend/logs/v2?start_date=2020-01-01&end_date=2099-01-01&page_size=1`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
  ).json()) as { data: readonly { startTime?: string }[] };
  const last = Date.parse(newest.data[0]?.startTime ?? new Date().toISOString());
  return {
    name,
    url,
    asked: {
      ...(size ?? { keys: 0, rows: 0 }),
      unused,
      firstDay: new Date(last - 29 * DAY_MS).toISOString().slice(0, 10),
      lastDay: new Date(last).toISOString().slice(0, 10),
    },
  };
}

async function time(
  subject: Subject,
  { path, key, body }: ReturnType<(typeof QUESTIONS)[number]["ask"]>,
): Promise<number> {
  const start = performance.now();
  const response = await fetch(subject.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${key ?? KEY}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const took = performance.now() - start;
  // An empty database does not know the key that others are asked for.
  if (response.ok || (subject.name === "empty" && response.status === 404)) return took;
  throw new Error(`${path}: ${response.status} ${text.slice(0, 500)}`);
}
