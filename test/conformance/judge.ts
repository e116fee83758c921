import { asObject, type JsonObject } from "../../src/json/json.ts";
import { promptTexts, toolNames } from "./client-request.ts";
import { INPUT_PRICE, OUTPUT_PRICE } from "./deployments.ts";
import { errorText, type Outcome, streamError } from "./drive.ts";
import { readAnswer } from "./read-answer.ts";
import type { Recording } from "./recordings.ts";
import type { ReceivedCall } from "./replay-server.ts";

/** One way in which a case is not as recorded. */
export interface Finding {
  /** `text`, `calls`, `finish`, `usage`, `cost`, `status`, `sentence`, `path`, `texts`, `tools`, `request.<field>` … */
  readonly what: string;
  readonly detail: string;
}

const squeezed = (text: string): string => text.replace(/\s+/g, "");
const shown = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 300);

/** How what a client got differs from what the provider said. */
export function judgeAnswer(recording: Recording, outcome: Outcome): Finding[] {
  if (recording.status >= 400) return judgeError(recording, outcome);
  const failure = recording.documents.map(streamError).find((message) => message !== undefined);
  if (failure !== undefined) {
    const told = outcome.error?.message ?? "";
    return squeezed(told).includes(squeezed(failure))
      ? []
      : [{ what: "stream-error", detail: `${shown(failure)} became ${shown(told)}` }];
  }
  if (outcome.error !== undefined) return [{ what: "refused", detail: shown(outcome.error) }];

  const wanted = readAnswer(recording.wire, recording.documents, recording.headers);
  const got = readAnswer(outcome.wire, outcome.documents);
  const findings: Finding[] = [];
  const compare = (what: string, want: unknown, have: unknown): void => {
    if (!Bun.deepEquals(want, have)) findings.push({ what, detail: `${shown(want)} became ${shown(have)}` });
  };
  const nonEmpty = (texts: readonly string[]): string[] => texts.filter((text) => text !== "");
  compare("text", nonEmpty(wanted.texts), nonEmpty(got.texts));
  compare("calls", wanted.calls, got.calls);
  if (wanted.finish.length > 0) compare("finish", wanted.finish, got.finish);
  if (wanted.usage !== undefined) compare("usage", wanted.usage, got.usage);
  if (!recording.streamed && wanted.usage !== undefined) {
    const price = wanted.usage.input * INPUT_PRICE + wanted.usage.output * OUTPUT_PRICE;
    if (outcome.cost === undefined || Math.abs(outcome.cost - price) > 1e-12) {
      findings.push({ what: "cost", detail: `${price} became ${outcome.cost}` });
    }
  }
  return findings;
}

function judgeError(recording: Recording, { error }: Outcome): Finding[] {
  if (error === undefined) return [{ what: "status", detail: `${recording.status} became an answer` }];
  const findings: Finding[] = [];
  if (Math.floor((error.status ?? 0) / 100) !== Math.floor(recording.status / 100)) {
    findings.push({ what: "status", detail: `${recording.status} became ${error.status}` });
  }
  const sentence = errorText(new TextDecoder().decode(recording.bytes));
  if (!squeezed(error.message).includes(squeezed(sentence))) {
    findings.push({ what: "sentence", detail: `${shown(sentence)} became ${shown(error.message)}` });
  }
  return findings;
}

/** How what the provider got differs from what it got when the exchange was recorded. */
export function judgeRequest(recording: Recording, calls: readonly ReceivedCall[], same: boolean): Finding[] {
  const [call, ...more] = calls;
  if (call === undefined) return [{ what: "unsent", detail: "nothing reached the provider" }];
  const findings: Finding[] = [];
  if (more.length > 0) findings.push({ what: "repeated", detail: `${calls.length} calls` });
  if (decodeURIComponent(call.path) !== decodeURIComponent(recording.path)) {
    findings.push({ what: "path", detail: `${recording.path} became ${call.path}` });
  }
  const { request } = recording;
  if (request === undefined) return findings;
  if (request.model !== call.body.model && !recording.path.includes("/deployments/")) {
    findings.push({ what: "model", detail: `${shown(request.model)} became ${shown(call.body.model)}` });
  }
  if (same) return [...findings, ...differences(request, call.body)];
  const sent = promptTexts(call.body).join("\n");
  const lost = promptTexts(request).filter((text) => !sent.includes(text));
  if (lost.length > 0) findings.push({ what: "texts", detail: `${shown(lost)} not in ${shown(sent)}` });
  const tools = [toolNames(request).sort(), toolNames(call.body).sort()];
  if (!Bun.deepEquals(tools[0], tools[1])) {
    findings.push({ what: "tools", detail: `${shown(tools[0])} became ${shown(tools[1])}` });
  }
  return findings;
}

/** The top-level fields that differ, save the model's name and the two that say how to stream. */
function differences(recorded: JsonObject, sent: JsonObject): Finding[] {
  const fields = new Set([...Object.keys(recorded), ...Object.keys(sent)]);
  return [...fields]
    .filter((field) => field !== "model" && field !== "stream" && field !== "stream_options")
    .filter((field) => !Bun.deepEquals(withoutAbsent(recorded[field]), withoutAbsent(sent[field])))
    .map((field) => ({
      what: `request.${field}`,
      detail: `${shown(recorded[field])} became ${shown(sent[field])}`,
    }));
}

/** Members that are null say the same as members that are absent. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  const object = asObject(value);
  if (object === undefined) return value ?? undefined;
  return Object.fromEntries(
    Object.entries(object)
      .filter(([, inner]) => inner !== null && inner !== undefined)
      .map(([key, inner]) => [key, withoutAbsent(inner)]),
  );
}
