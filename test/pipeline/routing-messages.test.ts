import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeMessage, encodeMessage, type RoutingMessage } from "../../src/pipeline/shared-routing/messages.ts";

const figure = fc.nat(1_000_000);
const message: fc.Arbitrary<RoutingMessage> = fc.oneof(
  fc.constant<RoutingMessage>({ kind: "hello" }),
  fc.constant<RoutingMessage>({ kind: "failure", deployment: "a", of: "internal", ttl: 5000 }),
  fc
    .record({
      minute: figure,
      number: figure,
      use: fc
        .array(fc.tuple(fc.uuid(), fc.record({ requests: figure, tokens: figure, input: figure, output: figure })))
        .map((list) => new Map(list)),
    })
    .map((word): RoutingMessage => ({ kind: "use", word })),
  fc
    .record({
      recovered: figure,
      cooldowns: fc.array(
        fc.record({ since: figure, until: figure, code: fc.constantFrom("internal" as const, "rate_limit" as const) }),
      ),
    })
    .map((knowledge): RoutingMessage => ({ kind: "cooldown", deployment: "a", knowledge })),
  fc
    .array(fc.record({ key: fc.string(), deployment: fc.string(), until: figure }))
    .map((bindings): RoutingMessage => ({ kind: "affinity", bindings })),
  fc.record({ at: figure, error: fc.string(), transient: fc.boolean() }).map(
    ({ at, error, transient }): RoutingMessage => ({
      kind: "health",
      checked: { deploymentId: "a", at, outcome: { status: "unhealthy", error, transient, seconds: 1 } },
    }),
  ),
);

test("what one process says of routing is what another reads", () => {
  fc.assert(
    fc.property(message, (said) => {
      expect(decodeMessage(encodeMessage("me", said))).toEqual({ from: "me", message: said });
    }),
  );
});

test("what is no message is nobody's", () => {
  for (const text of ["", "{", "[]", "null", '{"from":"x"}', '{"from":"x","kind":"cooldown","deployment":"a"}']) {
    expect(decodeMessage(text)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      decodeMessage(text);
    }),
  );
});
