/** One SSE event inside a text: its data and, where given, its event name. */
export type VisitFrame = (data: string, event: string | undefined, start: number, end: number) => void;

/**
 * Index behind the last complete event of a text; 0 when there is none. An event ends at a blank line, of LF or CRLF.
 */
export function completeLength(text: string): number {
  const bare = text.lastIndexOf("\n\n");
  if (!text.includes("\r")) return bare < 0 ? 0 : bare + 2;
  const carriage = text.lastIndexOf("\n\r\n");
  return Math.max(bare < 0 ? 0 : bare + 2, carriage < 0 ? 0 : carriage + 3);
}

/** Visits each complete event of `text`, which ends at an event's end. `start` and `end` bound the event's bytes. */
export function scanFrames(text: string, visit: VisitFrame): void {
  const carriage = text.includes("\r");
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf("\n\n", start);
    end = end < 0 ? text.length : end + 2;
    if (carriage) {
      const other = text.indexOf("\n\r\n", start);
      if (other >= 0 && other + 3 < end) end = other + 3;
    }
    scanFrame(text, start, end, visit);
    start = end;
  }
}

function scanFrame(text: string, start: number, end: number, visit: VisitFrame): void {
  // The usual frame is one line of data.
  if (text.startsWith("data: ", start)) {
    const newline = text.indexOf("\n", start);
    if (newline === end - 2 && text.charCodeAt(newline - 1) !== 13) {
      visit(text.slice(start + 6, newline), undefined, start, end);
      return;
    }
  }
  let data: string | undefined;
  let event: string | undefined;
  for (const line of text.slice(start, end).split(/\r?\n/)) {
    if (line.startsWith("data:")) {
      const value = line.slice(line.charCodeAt(5) === 32 ? 6 : 5);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (line.startsWith("event:")) {
      event = line.slice(line.charCodeAt(6) === 32 ? 7 : 6);
    }
  }
  if (data !== undefined) visit(data, event, start, end);
}
