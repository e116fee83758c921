import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Log } from "../../../src/events/log.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { openResponseStore, type ResponseStore } from "../../../src/store/responses/response-store.ts";
import { type OpenedStore, storesUnderTest } from "../databases.ts";

const stores = await storesUnderTest("responses");
const DAY = 86_400_000;

describe.each(stores.filter((store) => store.available))("kept answers on $name", (store) => {
  let opened: OpenedStore;
  let now = 1_000_000;
  const open: ResponseStore[] = [];

  const answers = (database = opened.database): ResponseStore => {
    const responses = openResponseStore({
      database,
      log: new Log({ level: "error", write: () => {} }),
      retentionDays: 2,
      now: () => now,
    });
    open.push(responses);
    return responses;
  };
  const answer = (id: string, previousId?: string) => ({
    id,
    owner: { keyHash: "key", userId: "user" },
    previousId,
    input: [{ type: "message", id: `in-${id}`, content: 'a "quoted" \u{1F600}' }],
    body: { id, output: [] },
  });

  beforeEach(async () => {
    now = 1_000_000;
    opened = await store.open();
    await migrate(opened.database);
  });
  afterEach(async () => {
    for (const responses of open.splice(0)) await responses.close();
    await opened.remove();
  });

  test("are found at once, and by another process when they are written", async () => {
    const here = answers();
    here.save(answer("gw_a"));
    expect((await here.find("gw_a"))?.input).toEqual(answer("gw_a").input);
    await here.close();
    const there = answers(opened.again());
    expect(await there.find("gw_a")).toMatchObject({ ...answer("gw_a"), owner: { keyHash: "key", userId: "user" } });
    expect(await there.find("gw_b")).toBeUndefined();
  });

  test("a chain comes oldest first, though its newest links still wait to be written", async () => {
    const here = answers();
    here.save(answer("gw_1"));
    here.save(answer("gw_2", "gw_1"));
    await here.close();
    const there = answers(opened.again());
    there.save(answer("gw_3", "gw_2"));
    there.save(answer("gw_4", "gw_3"));
    expect((await there.chain("gw_4")).map(({ id }) => id)).toEqual(["gw_1", "gw_2", "gw_3", "gw_4"]);
    await there.close();
    expect((await answers().chain("gw_3")).map(({ id }) => id)).toEqual(["gw_1", "gw_2", "gw_3"]);
  });

  test("what is removed before it is written stays away", async () => {
    const here = answers();
    here.save(answer("gw_a"));
    expect(await here.remove("gw_a")).toBe(true);
    expect(await here.find("gw_a")).toBeUndefined();
    expect(await here.remove("gw_a")).toBe(false);
  });

  test("are gone after the days that they are kept", async () => {
    const here = answers();
    here.save(answer("gw_a"));
    await here.close();
    now += 2 * DAY - 1;
    expect(await answers().find("gw_a")).toBeDefined();
    now += 1;
    expect(await answers().find("gw_a")).toBeUndefined();
    expect(await answers().chain("gw_a")).toEqual([]);
  });
});
