import { join } from "node:path";
import { ROOT } from "./gateway.ts";

const CERTIFICATES = join(ROOT, "test/fixtures/certificates");

/** Speaks TLS (a certificate of `localhost` that nobody trusts) in front of a port of the loopback interface. */
export function tlsFront(port: number): { readonly port: number; stop(): void } {
  interface Pipe {
    back: Bun.Socket<undefined> | undefined;
    early: Buffer[];
  }
  const server = Bun.listen<Pipe>({
    hostname: "127.0.0.1",
    port: 0,
    tls: {
      key: Bun.file(join(CERTIFICATES, "good.key")),
      cert: Bun.file(join(CERTIFICATES, "good.crt")),
    },
    socket: {
      open(front) {
        front.data = { back: undefined, early: [] };
        void Bun.connect<undefined>({
          hostname: "127.0.0.1",
          port,
          socket: {
            open(back) {
              front.data.back = back;
              for (const chunk of front.data.early) back.write(chunk);
            },
            data: (_, chunk) => void front.write(chunk),
            close: () => void front.end(),
          },
        });
      },
      data(front, chunk) {
        if (front.data.back === undefined) front.data.early.push(Buffer.from(chunk));
        else front.data.back.write(chunk);
      },
      close: (front) => void front.data.back?.end(),
    },
  });
  return { port: server.port, stop: () => server.stop(true) };
}
