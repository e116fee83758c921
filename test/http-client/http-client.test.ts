import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { httpCarrier } from "../../src/http-client/http-client.ts";
import type { ByteSource, PendingCall } from "../../src/upstream/transport.ts";

let server: Server;
let connections = 0;
let requests: string[] = [];
let answer: (socket: Socket, count: number) => void = () => {};
let origin = "";
const open = httpCarrier({});

beforeAll(async () => {
  server = createServer((socket) => {
    connections++;
    let seen = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      for (;;) {
        const end = seen.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(seen.slice(0, end))?.[1] ?? 0);
        if (seen.length < end + 4 + length) return;
        requests.push(seen.slice(0, end + 4 + length));
        seen = seen.slice(end + 4 + length);
        answer(socket, requests.length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});

afterAll(() => server.close());

function call(
  path = "/x",
  body: string | Uint8Array | undefined = "{}",
  headers: Record<string, string> = {},
): PendingCall {
  return open({ method: "POST", url: origin + path, headers, body });
}

const ok = (body: string, extra = ""): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${extra}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe("httpCarrier", () => {
  test("sends what was asked and reads the answer, in UTF-8 both ways", async () => {
    requests = [];
    answer = (socket) => socket.write(ok('{"é":"漢"}'));
    const response = await call("/a?b=c", '{"x":"ü🚪"}', { "x-a": "1" }).response;
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(await response.text()).toBe('{"é":"漢"}');
    const [head, body] = (requests[0] as string).split("\r\n\r\n") as [string, string];
    expect(head).toStartWith("POST /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:");
    expect(head).toContain("\r\nx-a: 1\r\n");
    expect(Buffer.from(body, "latin1").toString("utf8")).toBe('{"x":"ü🚪"}');
  });

  test("uses a connection again, one request at a time", async () => {
    answer = (socket, count) => socket.write(ok(`{"n":${count}}`));
    await (await call().response).text();
    const before = connections;
    for (let index = 0; index < 5; index++) await (await call().response).text();
    expect(connections).toBe(before);
    await Promise.all(Array.from({ length: 4 }, async () => (await call().response).text()));
    expect(connections - before).toBe(3);
  });

  test("a server that closed an idle connection is asked again on a fresh one, once", async () => {
    answer = (socket) => socket.write(ok("{}"));
    await Promise.all(Array.from({ length: 3 }, async () => (await call().response).text()));
    requests = [];
    let closed = 0;
    answer = (socket) => {
      if (closed++ === 0) socket.end();
      else socket.write(ok('{"second":true}'));
    };
    expect(await (await call().response).text()).toBe('{"second":true}');
    expect(requests.length).toBe(2);
  });

  test("a fresh connection that closes without an answer is a failure, not another request", async () => {
    requests = [];
    answer = (socket) => socket.end();
    const other = `http://127.0.0.1:${new URL(origin).port}`.replace("127.0.0.1", "localhost");
    await expect(open({ method: "POST", url: `${other}/x`, headers: {}, body: "{}" }).response).rejects.toMatchObject({
      code: "ECONNRESET",
    });
    expect(requests.length).toBe(1);
  });

  test("a large body arrives whole, however small the server's window", async () => {
    const big = "é".repeat(3_000_000);
    answer = (socket) => socket.write(ok("{}"));
    requests = [];
    await (await call("/big", big).response).text();
    expect(Buffer.from((requests[0] as string).split("\r\n\r\n")[1] as string, "latin1").toString("utf8") === big).toBe(
      true,
    );
  });

  test("a stream comes piece by piece; paused, it waits", async () => {
    answer = (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
      const block = "x".repeat(64 * 1024);
      for (let index = 0; index < 2048; index++) socket.write(`${block.length.toString(16)}\r\n${block}\r\n`);
      socket.write("0\r\n\r\n");
    };
    const response = await call().response;
    let received = 0;
    let whilePaused = 0;
    let afterPause = 0;
    await new Promise<void>((resolve, reject) => {
      let source: ByteSource | undefined;
      source = response.read({
        data: (chunk) => {
          received += chunk.byteLength;
          if (received > 100_000 && whilePaused === 0) {
            whilePaused = received;
            source?.pause();
            setTimeout(() => {
              // What the kernel's two buffers held may be handed over once more, some 10 MB; never the whole 128 MB.
              afterPause = received - whilePaused;
              source?.resume();
            }, 100);
          }
        },
        end: resolve,
        fail: reject,
      });
    });
    expect(afterPause).toBeLessThan(40 * 1024 * 1024);
    expect(received).toBe(2048 * 64 * 1024);
  });

  test("an abort before the answer rejects it, an abort after it fails its reader; the server sees both", async () => {
    let hungUp = 0;
    answer = (socket) => {
      socket.on("close", () => hungUp++);
    };
    const early = call();
    setTimeout(() => early.abort(new Error("enough")), 20);
    await expect(early.response).rejects.toThrow("enough");

    answer = (socket) => {
      socket.on("close", () => hungUp++);
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
    };
    const late = call();
    const response = await late.response;
    const text = response.text();
    late.abort(new Error("enough"));
    await expect(text).rejects.toThrow("enough");
    await Bun.sleep(50);
    expect(hungUp).toBe(2);
  });

  test("a packed answer is unpacked although nobody asked for it", async () => {
    answer = (socket) => {
      const packed = gzipSync('{"packed":true}');
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: ${packed.length}\r\n\r\n`,
      );
      socket.write(packed);
    };
    expect(await (await call().response).text()).toBe('{"packed":true}');
  });

  test("a header with a line break is refused before anything is sent", async () => {
    requests = [];
    await expect(call("/x", "{}", { "x-a": "1\r\nx-b: 2" }).response).rejects.toMatchObject({
      code: "ERR_INVALID_CHAR",
    });
    expect(requests).toEqual([]);
  });

  test("nobody listening", async () => {
    await expect(
      open({ method: "GET", url: "http://127.0.0.1:1/", headers: {}, body: undefined }).response,
    ).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
