import { afterAll, beforeEach, expect, test } from "bun:test";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { IssuerKeys } from "../../src/auth/tokens/issuer-keys.ts";
import { fetchCarrier, Transport } from "../../src/upstream/transport.ts";

/** A JWKS server, as an identity provider has it. */
let keys: JWK[] = [];
let asked = 0;
let status = 200;
const server = Bun.serve({
  port: 0,
  fetch(request) {
    asked++;
    const { origin, pathname } = new URL(request.url);
    if (pathname === "/.well-known/openid-configuration") return Response.json({ jwks_uri: `${origin}/keys` });
    return Response.json({ keys }, { status });
  },
});
afterAll(() => server.stop(true));

async function publicKey(kid: string, algorithm = "ES256"): Promise<JWK> {
  const { publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(publicKey)), kid };
}

let now = 0;
let issuer: IssuerKeys;
beforeEach(async () => {
  now = 1_000_000;
  asked = 0;
  status = 200;
  keys = [await publicKey("one")];
  issuer = new IssuerKeys(
    `${server.url.origin}/.well-known/openid-configuration`,
    new Transport(fetchCarrier()),
    () => now,
  );
});

const count = async (kid: string, ttl = 600): Promise<number> =>
  (await issuer.candidates({ alg: "ES256", kid }, { keyTtl: ttl, staleTtl: 3600 })).length;

test("keys are fetched once, however many ask, and again when they are old", async () => {
  expect(await Promise.all([count("one"), count("one"), count("one")])).toEqual([1, 1, 1]);
  expect(asked).toBe(2);
  now += 599_000;
  await count("one");
  expect(asked).toBe(2);
  now += 2_000;
  await count("one");
  expect(asked).toBe(4);
});

test("a new key is found when it shows up, and strangers cannot make us ask more often", async () => {
  await count("one");
  keys = [...keys, await publicKey("two")];
  for (let index = 0; index < 50; index++) expect(await count(`none-${index}`)).toBe(0);
  expect(asked).toBe(2);
  now += 30_000;
  expect(await count("two")).toBe(1);
  expect(asked).toBe(4);
});

test("an issuer that is away: known keys stay good, unknown ones are asked for seldom", async () => {
  await count("one");
  status = 500;
  now += 700_000;
  expect(await count("one")).toBe(1);
  now += 1_000;
  expect(await count("one")).toBe(1);
  expect(asked).toBe(4);
  const other = new IssuerKeys(`${server.url.origin}/keys`, new Transport(fetchCarrier()), () => now);
  await expect(other.candidates({ alg: "ES256" }, { keyTtl: 600, staleTtl: 3600 })).rejects.toThrow(
    "cannot be fetched",
  );
  await expect(other.candidates({ alg: "ES256" }, { keyTtl: 600, staleTtl: 3600 })).rejects.toThrow(
    "cannot be fetched",
  );
  expect(asked).toBe(5);
});

test("shared secrets, keys for encryption and keys of another kind are no candidates", async () => {
  keys = [
    { kty: "oct", k: "c2VjcmV0", kid: "one" },
    { ...(await publicKey("one")), use: "enc" },
    { ...(await publicKey("one")), alg: "ES384" },
    await publicKey("one", "RS256"),
  ];
  expect(await count("one")).toBe(0);
});
