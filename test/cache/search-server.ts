import { Redis } from "ioredis";

/**
 * A Redis with a search module, played by a test: vectors are compared as the module does, everything else is done by the
 * Redis behind it. Speaks the commands of https://redis.io/docs/latest/commands/ft.search/ that the cache uses.
 */
export interface SearchServer {
  readonly port: number;
  readonly indexes: Map<string, { readonly prefix: string; readonly dimensions: number }>;
  stop(): Promise<void>;
}

type Reply = Buffer | string | number | null | Error | readonly Reply[];

export function startSearchServer(behind: string): SearchServer {
  const redis = new Redis(behind);
  const indexes: SearchServer["indexes"] = new Map();
  const server = Bun.listen<{ buffer: Buffer; turn: Promise<void> }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { buffer: Buffer.alloc(0), turn: Promise.resolve() };
      },
      data(socket, chunk) {
        const { data } = socket;
        data.buffer = Buffer.concat([data.buffer, chunk]);
        for (let read = readCommand(data.buffer); read !== undefined; read = readCommand(data.buffer)) {
          data.buffer = data.buffer.subarray(read.length);
          const { command } = read;
          data.turn = data.turn.then(async () => {
            socket.write(encode(await answer(command).catch((error: Error) => error)));
          });
        }
      },
    },
  });

  async function answer([name, ...args]: readonly Buffer[]): Promise<Reply> {
    const words = args.map(String);
    switch (String(name).toUpperCase()) {
      case "FT._LIST":
        return [...indexes.keys()];
      case "FT.CREATE":
        indexes.set(words[0] as string, {
          prefix: words[words.indexOf("PREFIX") + 2] as string,
          dimensions: Number(words[words.indexOf("DIM") + 1]),
        });
        return "OK";
      case "FT.SEARCH":
        return search(words, args);
      case "SUBSCRIBE":
        // As proxies say that have no channels.
        return new Error("unknown command 'SUBSCRIBE'");
      default:
        return (await redis.callBuffer(String(name), ...args)) as Reply;
    }
  }

  async function search(words: readonly string[], args: readonly Buffer[]): Promise<Reply> {
    const index = indexes.get(words[0] as string);
    if (index === undefined) return new Error(`No such index ${words[0]}`);
    const scope = /^\(@scope:\{(\w+)\}\)=>\[KNN 1 @vector \$vector AS distance\]$/.exec(words[1] as string)?.[1];
    if (scope === undefined || !words.includes("DIALECT")) return new Error("Syntax error");
    const wanted = floats(args[words.indexOf("PARAMS") + 3] as Buffer);
    if (wanted.length !== index.dimensions) return new Error("query vector blob size does not match");
    let best: { key: string; distance: number } | undefined;
    for (const key of await redis.keys(`${index.prefix}*`)) {
      const [own, vector] = await redis.hmgetBuffer(key, "scope", "vector");
      if (String(own) !== scope || vector === null || vector === undefined) continue;
      const distance = 1 - cosine(wanted, floats(vector));
      if (best === undefined || distance < best.distance) best = { key, distance };
    }
    return best === undefined ? [0] : [1, best.key, ["distance", String(best.distance)]];
  }

  return {
    port: server.port,
    indexes,
    async stop() {
      server.stop(true);
      redis.disconnect();
    },
  };
}

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

export function cosine(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let [sum, first, second] = [0, 0, 0];
  for (let index = 0; index < one.length; index++) {
    const [left, right] = [one[index] as number, other[index] as number];
    sum += left * right;
    first += left * left;
    second += right * right;
  }
  return sum / Math.sqrt(first * second);
}

/** One command at the beginning of the bytes; undefined where it is not whole yet. */
function readCommand(bytes: Buffer): { readonly command: Buffer[]; readonly length: number } | undefined {
  let at = 0;
  const line = (): string | undefined => {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const text = bytes.toString("latin1", at, end);
    at = end + 2;
    return text;
  };
  const count = line();
  if (count === undefined) return undefined;
  const command: Buffer[] = [];
  for (let index = 0; index < Number(count.slice(1)); index++) {
    const size = line();
    if (size === undefined || at + Number(size.slice(1)) + 2 > bytes.length) return undefined;
    command.push(bytes.subarray(at, at + Number(size.slice(1))));
    at += Number(size.slice(1)) + 2;
  }
  return { command, length: at };
}

function encode(reply: Reply): Buffer {
  if (reply === null) return Buffer.from("$-1\r\n");
  if (reply instanceof Error) return Buffer.from(`-ERR ${reply.message}\r\n`);
  if (typeof reply === "number") return Buffer.from(`:${reply}\r\n`);
  if (Array.isArray(reply)) return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encode)]);
  const bytes = Buffer.from(reply as Buffer | string);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]);
}
