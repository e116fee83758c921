import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Principal } from "../../../src/auth/principal.ts";
import { isOwnResponseId, ownResponseId, ResponseIds } from "../../../src/pipeline/responses/response-id.ts";

const ids = new ResponseIds("secret");
const user = (keyHash: string, more: Partial<Principal> = {}): Principal => ({
  keyHash,
  role: "internal_user",
  ...more,
});

test("an id says where its answer is, and holds in a path", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string({ minLength: 1 }), (provider, deploymentId, id) => {
      const written = ids.write({ provider, deploymentId, id }, user("k"));
      expect(written).toMatch(/^resp_[\w-]+$/);
      expect(ids.read(written)).toMatchObject({ provider, deploymentId, id });
    }),
  );
});

test("whose it is: the key's, else the user's and the team's; administrators read everything", () => {
  const owns = (maker: Principal, reader: Principal, reading = ids): boolean => {
    const reference = reading.read(ids.write({ provider: "openai", deploymentId: "d", id: "resp_1" }, maker));
    if (reference === undefined) throw new Error("unreadable");
    return reading.owns(reference, reader);
  };
  expect(owns(user("a"), user("a"))).toBe(true);
  expect(owns(user("a"), user("b"))).toBe(false);
  expect(owns(user("a", { userId: "u" }), user("b", { userId: "u" }))).toBe(true);
  expect(owns(user("a", { teamId: "t" }), user("b", { teamId: "t", userId: "v" }))).toBe(true);
  expect(owns(user("a", { teamId: "t" }), user("a", { teamId: "other" }))).toBe(false);
  expect(owns(user("a"), user("x", { role: "proxy_admin" }))).toBe(true);
  expect(owns(user("a"), user("a"), new ResponseIds("another secret"))).toBe(false);
});

test("ids of elsewhere are none", () => {
  for (const id of ["resp_abc", "", "resp_", "msg_1", `resp_${btoa("litellm:x")}`])
    expect(ids.read(id)).toBeUndefined();
});

test("own ids are told from those of providers", () => {
  expect(isOwnResponseId(ownResponseId("01A21538-0a8d-7479-8ccf-06d453fdd202"))).toBe(true);
  expect(isOwnResponseId("resp_1")).toBe(false);
});
