import { connect, createServer, type Socket } from "node:net";

export interface TcpBalancer {
  readonly port: number;
  stop(): Promise<void>;
}

const LOOK_MS = 50;

/**
 * What stands before several gateways, as far as a rolling restart is concerned: connections go in turn to those whose
 * readiness said 200 at the last look. A connection that cannot be made is made to the next; bytes are never sent twice.
 */
export async function startTcpBalancer(ports: readonly number[]): Promise<TcpBalancer> {
  const ready = new Set(ports);
  let turn = 0;
  const look = async (port: number): Promise<void> => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/health/readiness`, { headers: { connection: "close" } });
      await response.text();
      if (response.status === 200) ready.add(port);
      else ready.delete(port);
    } catch {
      ready.delete(port);
    }
  };
  const looks = setInterval(() => void Promise.all(ports.map(look)), LOOK_MS);

  const forward = (client: Socket, tried: readonly number[]): void => {
    const choices = ports.filter((port) => ready.has(port) && !tried.includes(port));
    const port = choices[turn++ % choices.length];
    if (port === undefined) return void client.destroy();
    const backend = connect(port, "127.0.0.1");
    const refused = (): void => forward(client, [...tried, port]);
    backend.once("error", refused);
    backend.once("connect", () => {
      backend.off("error", refused);
      backend.on("error", () => client.destroy());
      backend.on("close", () => client.end());
      client.on("close", () => backend.destroy());
      client.pipe(backend);
      backend.pipe(client);
    });
  };
  const server = createServer({ pauseOnConnect: true }, (client) => {
    client.on("error", () => {});
    forward(client, []);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    async stop() {
      clearInterval(looks);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
