import { afterEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import type { CacheStore } from "../../src/cache/cache-store.ts";
import { openCache } from "../../src/cache/open-cache.ts";
import { Log } from "../../src/events/log.ts";
import { httpCarrier } from "../../src/http-client/http-client.ts";
import type { JsonObject } from "../../src/json/json.ts";
import { DeadlineWheel } from "../../src/upstream/deadline-wheel.ts";
import { Transport } from "../../src/upstream/transport.ts";
import { KEYS, REGION, startBucket, type TestBucket } from "./object-service.ts";

const transport = new Transport(httpCarrier({}));
const buckets: TestBucket[] = [];

afterEach(async () => {
  await Promise.all(buckets.splice(0).map((bucket) => bucket.stop()));
});

type Kind = "s3" | "gcs" | "azure-blob";

const KINDS: Record<Kind, (url: string) => { params: JsonObject; environment: Record<string, string> }> = {
  s3: (url) => ({
    params: {
      s3_bucket_name: "answers",
      s3_region_name: REGION,
      s3_endpoint_url: url,
      s3_path: "/of/mine/",
      s3_aws_access_key_id: KEYS.accessKeyId,
      s3_aws_secret_access_key: KEYS.secretAccessKey,
    },
    environment: {},
  }),
  gcs: (url) => ({
    params: { gcs_bucket_name: "answers", gcs_path: "of/mine", gcs_path_service_account: "credentials.json" },
    environment: { STORAGE_EMULATOR_HOST: url, TOKEN_URI: `${url}/token` },
  }),
  "azure-blob": (url) => ({
    params: { azure_account_url: url, azure_blob_container: "answers" },
    environment: {
      AZURE_TENANT_ID: "t",
      AZURE_CLIENT_ID: crypto.randomUUID(),
      AZURE_CLIENT_SECRET: "s",
      AZURE_AUTHORITY_HOST: url,
    },
  }),
};

function serviceAccount(tokenUri: string | undefined): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return JSON.stringify({
    type: "service_account",
    client_email: "cache@example.com",
    private_key_id: crypto.randomUUID(),
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: tokenUri,
  });
}

function open(kind: Kind): { store: CacheStore; bucket: TestBucket } {
  const bucket = startBucket(kind);
  buckets.push(bucket);
  const { params, environment } = KINDS[kind](bucket.url);
  const cache = openCache({
    settings: { cache: true, cache_params: { type: kind, ...params } },
    dataDir: "unused",
    redis: undefined,
    transport,
    deadlines: new DeadlineWheel(),
    environment,
    readFile: () => serviceAccount(environment.TOKEN_URI),
    log: new Log({ level: "error", write: () => {} }),
  });
  if (cache === undefined) throw new Error("no cache was opened");
  return { store: cache.store, bucket };
}

describe.each(Object.keys(KINDS) as Kind[])("a bucket of %s", (kind) => {
  test("values come back until their time is over; names and values may hold anything", async () => {
    const { store, bucket } = open(kind);
    const key = "team's ns:a b/ü+&<1>";
    await store.set(key, '{"text":"ä"}', 60);
    expect(await store.get(key)).toBe('{"text":"ä"}');
    expect([...bucket.objects.keys()][0]).toEndWith(`/${key}`);
    expect(await store.get("nothing")).toBeUndefined();
    await store.set("short", "x", -1);
    expect(await store.get("short")).toBeUndefined();
    await store.delete([key, "nothing"]);
    expect(await store.get(key)).toBeUndefined();
    await store.ping();
  });

  test("a flush takes what is the cache's, page by page, and nothing else", async () => {
    const { store, bucket } = open(kind);
    bucket.objects.set("of/others", { body: "", metadata: {} });
    await Promise.all(Array.from({ length: 8 }, (_, index) => store.set(`<${index}>&`, "x", 60)));
    expect(bucket.objects.size).toBe(9);
    await store.flush();
    expect([...bucket.objects.keys()]).toEqual(["of/others"]);
  });
});

test("a bucket that fails is left alone after a few calls", async () => {
  const { store, bucket } = open("s3");
  bucket.failure = () => new Response("", { status: 503 });
  for (let count = 0; count < 5; count++) expect(Promise.resolve(store.get("a"))).rejects.toThrow("503");
  await Bun.sleep(0);
  while (bucket.asked < 5) await Bun.sleep(5);
  expect(Promise.resolve(store.get("a"))).rejects.toThrow("left alone");
  expect(bucket.asked).toBe(5);
});

test("what is refused is said with the service's own code", async () => {
  const { store, bucket } = open("s3");
  bucket.failure = () => new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 });
  expect(Promise.resolve(store.ping())).rejects.toThrow("AccessDenied");
});
