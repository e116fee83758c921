import type { ConversationRequest } from "../../formats/conversation.ts";

/** What coding agents put into a user's turn beside what the user wrote. */
const OPEN = "<system-reminder>";
const CLOSE = "</system-reminder>";

/** The last thing that a user asks, without what agents add to it; undefined where no turn has text of a user. */
export function questionOf({ messages }: Pick<ConversationRequest, "messages">): string | undefined {
  for (const { role, parts } of messages.toReversed()) {
    if (role !== "user") continue;
    const text = parts.map((part) => (part.type === "text" ? part.text : "")).join(" ");
    const asked = withoutReminders(text);
    if (asked !== "") return asked;
  }
  return undefined;
}

/** One pass, however many marks the text has; a mark that is not closed stays. */
export function withoutReminders(text: string): string {
  const lower = text.toLowerCase();
  const kept: string[] = [];
  let from = 0;
  for (;;) {
    const open = lower.indexOf(OPEN, from);
    const close = open === -1 ? -1 : lower.indexOf(CLOSE, open + OPEN.length);
    if (close === -1) break;
    kept.push(text.slice(from, open).trim());
    from = close + CLOSE.length;
  }
  kept.push(text.slice(from).trim());
  return kept.filter((part) => part !== "").join(" ");
}
