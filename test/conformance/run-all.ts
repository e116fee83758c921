import { startGateway } from "../support/gateway.ts";
import { type OtherClient, otherRequest } from "./client-request.ts";
import { configurationOf } from "./deployments.ts";
import { askChat, askOther, nativeClient, nativeRequest } from "./drive.ts";
import { type Finding, judgeAnswer, judgeRequest } from "./judge.ts";
import type { Recording } from "./recordings.ts";
import { startReplayServer } from "./replay-server.ts";

export interface Result {
  readonly recording: Recording;
  readonly via: "chat" | "native" | OtherClient;
  readonly findings: readonly Finding[];
}

const OTHER_CLIENTS: readonly OtherClient[] = ["messages", "responses", "genai"];

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
    const own = nativeClient(recording);
    if (own !== undefined && recording.request !== undefined) {
      const native = await askOther(recording, own, nativeRequest(recording), gateway.url, gateway.key);
      const passed = judgeRequest(recording, upstream.take(recording.id), true);
      results.push({ recording, via: "native", findings: [...passed, ...judgeAnswer(recording, native)] });
    }
    for (const client of OTHER_CLIENTS) {
      if (client === own) continue;
      const body = otherRequest(recording, client);
      const other = await askOther(recording, client, body, gateway.url, gateway.key);
      upstream.take(recording.id);
      results.push({ recording, via: client, findings: judgeAnswer(recording, other) });
    }
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
