import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MalformedResponse, ResponseParser } from "../../src/http-client/response-parser.ts";

interface Parsed {
  status: number | undefined;
  headers: Record<string, string>;
  keepAlive: boolean | undefined;
  body: string;
  ended: number;
  surplus: boolean;
}

function parse(pieces: readonly Buffer[], close = false): Parsed {
  const parsed: Parsed = { status: undefined, headers: {}, keepAlive: undefined, body: "", ended: 0, surplus: false };
  const parser = new ResponseParser({
    head: (head) => {
      parsed.status = head.status;
      parsed.headers = Object.fromEntries(head.headers);
      parsed.keepAlive = head.keepAlive;
    },
    body: (chunk) => {
      parsed.body += Buffer.from(chunk).toString("latin1");
    },
    end: (surplus) => {
      parsed.ended++;
      parsed.surplus = surplus;
    },
  });
  for (const piece of pieces) parser.push(piece);
  if (close) parser.close();
  return parsed;
}

function cuts(text: string): Buffer[][] {
  const bytes = Buffer.from(text, "latin1");
  return Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
}

const chunked = (body: string, sizes: readonly number[]): string => {
  let text = "";
  let at = 0;
  for (const size of sizes) {
    const piece = body.slice(at, at + size);
    at += piece.length;
    if (piece !== "") text += `${piece.length.toString(16)};x=y\r\n${piece}\r\n`;
  }
  if (at < body.length) text += `${(body.length - at).toString(16).toUpperCase()}\r\n${body.slice(at)}\r\n`;
  return `${text}0\r\ntrailer: 1\r\n\r\n`;
};

describe("ResponseParser", () => {
  const body = fc.string({ unit: fc.constantFrom("a", "\r", "\n", "0", "\xff"), minLength: 1, maxLength: 30 });

  test("a body of known length is read whole at every cut", () => {
    fc.assert(
      fc.property(body, (text) => {
        for (const pieces of cuts(
          `HTTP/1.1 201 Created\r\nContent-Type: a\r\ncontent-length:${text.length}\r\nX: 1\r\nx:  2 \r\n\r\n${text}`,
        )) {
          expect(parse(pieces)).toEqual({
            status: 201,
            headers: { "content-type": "a", "content-length": String(text.length), x: "1, 2" },
            keepAlive: true,
            body: text,
            ended: 1,
            surplus: false,
          });
        }
      }),
      { numRuns: 20 },
    );
  });

  test("a chunked body is put together at every cut", () => {
    fc.assert(
      fc.property(body, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }), (text, sizes) => {
        for (const pieces of cuts(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunked(text, sizes)}`)) {
          expect(parse(pieces)).toMatchObject({ status: 200, body: text, ended: 1, keepAlive: true });
        }
      }),
      { numRuns: 20 },
    );
  });

  test("a body without length ends with the connection, which is not used again", () => {
    for (const pieces of cuts("HTTP/1.1 200 OK\r\n\r\nabc")) {
      expect(parse(pieces, false).ended).toBe(0);
      expect(parse(pieces, true)).toMatchObject({ body: "abc", ended: 1, keepAlive: false });
    }
  });

  test("interim answers are passed over", () => {
    const text =
      "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    for (const pieces of cuts(text)) expect(parse(pieces)).toMatchObject({ status: 200, body: "ok", ended: 1 });
  });

  test.each([
    ["HTTP/1.1 204 No Content\r\n\r\n", true],
    ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", false],
    ["HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", false],
    ["HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n", true],
  ])("%j has no body; the connection is kept: %p", (text, keepAlive) => {
    expect(parse([Buffer.from(text)])).toMatchObject({ body: "", ended: 1, keepAlive });
  });

  test("bytes behind the answer are reported", () => {
    expect(parse([Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc")])).toMatchObject({
      body: "a",
      surplus: true,
    });
  });

  test("an answer that stops half way is not complete", () => {
    const parser = new ResponseParser({ head() {}, body() {}, end() {} });
    parser.push(Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"));
    expect(parser.close()).toBe(false);
  });

  test.each([
    "SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
    `HTTP/1.1 200 OK\r\n${"x".repeat(300_000)}`,
  ])("refuses what is no answer (%#)", (text) => {
    expect(() => parse([Buffer.from(text)])).toThrow(MalformedResponse);
  });
});
