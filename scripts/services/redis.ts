import { connect } from "node:net";
import { findOrInstall } from "./debian-package.ts";
import { endProcess, freePort, type Service, startProcess, temporaryFolder } from "./service.ts";

/** The server's program; installs Debian's package where it is missing and may be. */
export function findRedisServer(): Promise<string> {
  return findOrInstall(() => Bun.which("redis-server") ?? Bun.which("valkey-server") ?? undefined, "redis-server");
}

/** A Redis server of its own on a free port, which keeps nothing on disk. */
export async function startRedis(): Promise<Service> {
  const server = await findRedisServer();
  const folder = temporaryFolder("redis");
  const port = await freePort();
  try {
    const child = await startProcess(
      [server, "--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder.path],
      () => accepts(port),
    );
    return {
      env: { TEST_REDIS_URL: `redis://127.0.0.1:${port}` },
      async stop() {
        await endProcess(child);
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
