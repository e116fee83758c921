import { seedToken } from "../../scripts/seed/seed-store.ts";

/** What is known of a database that is asked. */
export interface Asked {
  readonly keys: number;
  readonly rows: number;
  /** Keys of the gateway's own that no request has used yet; each is taken once. */
  readonly unused: string[];
  /** YYYY-MM-DD of the first and last day with rows. */
  readonly firstDay: string;
  readonly lastDay: string;
}

/** So many keys, users and teams are asked for in turns; as many rounds come first, in which caches warm up. */
export const DIFFERENT = 5;

export interface Question {
  readonly name: string;
  /** The request of a round; `key`: another than the master key. */
  ask(asked: Asked, round: number): { readonly path: string; readonly key?: string; readonly body?: object };
}

const days = ({ firstDay, lastDay }: Asked): string => `start_date=${firstDay}&end_date=${lastDay}`;
/** A key that spends little, so that its answer has about the same size in every database. */
const quietKey = (round: number): string => seedToken(150 + (round % DIFFERENT));

export const QUESTIONS: readonly Question[] = [
  {
    name: "first call of a key (check, admission, row)",
    ask: ({ unused }) => {
      const key = unused.pop();
      if (key === undefined) throw new Error("every key has been used");
      return {
        path: "/v1/chat/completions",
        key,
        body: { model: "echo", messages: [{ role: "user", content: "hi" }] },
      };
    },
  },
  { name: "/key/list, first page", ask: () => ({ path: "/key/list?return_full_object=true&size=50" }) },
  {
    name: "/key/list, page in the middle",
    ask: ({ keys }) => ({
      path: `/key/list?return_full_object=true&size=50&page=${Math.max(1, Math.floor(keys / 100))}`,
    }),
  },
  { name: "/key/list of a team", ask: (_, round) => ({ path: `/key/list?size=50&team_id=team-${round % 10}` }) },
  { name: "/key/list by spend", ask: () => ({ path: "/key/list?return_full_object=true&size=50&sort_by=spend" }) },
  { name: "/key/info", ask: (_, round) => ({ path: `/key/info?key=${quietKey(round)}` }) },
  { name: "/spend/logs/v2, first page", ask: (asked) => ({ path: `/spend/logs/v2?${days(asked)}` }) },
  {
    name: "/spend/logs/v2, page in the middle",
    ask: (asked) => ({ path: `/spend/logs/v2?${days(asked)}&page=${Math.max(1, Math.floor(asked.rows / 100))}` }),
  },
  {
    name: "/spend/logs/v2 of a key",
    ask: (asked, round) => ({ path: `/spend/logs/v2?${days(asked)}&page_size=10&api_key=${quietKey(round)}` }),
  },
  { name: "/spend/logs by day", ask: (asked) => ({ path: `/spend/logs?${days(asked)}` }) },
  { name: "/user/daily/activity, everybody", ask: (asked) => ({ path: `/user/daily/activity?${days(asked)}` }) },
  {
    name: "/user/daily/activity of a user",
    ask: (asked, round) => ({ path: `/user/daily/activity?${days(asked)}&user_id=user-${150 + (round % DIFFERENT)}` }),
  },
  {
    name: "/team/daily/activity of a team",
    ask: (asked, round) => ({ path: `/team/daily/activity?${days(asked)}&team_ids=team-${50 + (round % DIFFERENT)}` }),
  },
];
