import { startGateway } from "../support/gateway.ts";
import { configurationOf } from "./deployments.ts";
import { askChat, askNative, nativeRoute } from "./drive.ts";
import { type Finding, judgeAnswer, judgeRequest } from "./judge.ts";
import type { Recording } from "./recordings.ts";
import { startReplayServer } from "./replay-server.ts";

export interface Result {
  readonly recording: Recording;
  readonly via: "chat" | "native";
  readonly findings: readonly Finding[];
}

/** How many cases run at the same time; each has an upstream path of its own. */
const AT_ONCE = 8;

/** Plays every recording through one gateway. */
export async function runAll(recordings: readonly Recording[]): Promise<Result[]> {
  const upstream = startReplayServer(recordings);
  const gateway = await startGateway({ config: JSON.stringify(configurationOf(recordings, upstream.origin)) });
  const results: Result[] = [];
  const play = async (recording: Recording): Promise<void> => {
    const outcome = await askChat(recording, gateway.url, gateway.key);
    const request = judgeRequest(recording, upstream.take(recording.id), recording.wire === "chat");
    results.push({ recording, via: "chat", findings: [...request, ...judgeAnswer(recording, outcome)] });
    const route = nativeRoute(recording);
    if (route === undefined || recording.request === undefined) return;
    const native = await askNative(recording, route, gateway.url, gateway.key);
    const passed = judgeRequest(recording, upstream.take(recording.id), true);
    results.push({ recording, via: "native", findings: [...passed, ...judgeAnswer(recording, native)] });
  };
  const queue = recordings.values();
  try {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const recording of queue) await play(recording);
      }),
    );
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
  return results;
}
