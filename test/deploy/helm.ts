/** Helm, as a program that is asked over its standard input (JSON-RPC, a request a line). */
export interface Helm {
  /** Runs one of Helm's commands (`helm_lint`, `helm_template`). Returns its JSON, or its text. */
  call(command: string, options: Readonly<Record<string, unknown>>): Promise<unknown>;
  stop(): void;
}

interface Answer {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text: string }[] };
}

export async function startHelm(program: string): Promise<Helm> {
  const child = Bun.spawn([program], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  const waiting = new Map<number, (answer: Answer) => void>();
  void (async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of child.stdout) {
      const lines = (text + decoder.decode(chunk, { stream: true })).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const answer = JSON.parse(line) as Answer;
        if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
      }
    }
  })();
  let last = 0;
  const send = (message: object): void => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    child.stdin.flush();
  };
  const request = async (method: string, params: object): Promise<NonNullable<Answer["result"]>> => {
    const id = ++last;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    send({ id, method, params });
    const { error, result } = await answered;
    if (error !== undefined) throw new Error(`helm: ${error.message}`);
    return result ?? {};
  };
  await request("initialize", {
    protocolVersion: "2024-11-05",
    capabilities: {},
    clientInfo: { name: "isthmus", version: "1" },
  });
  send({ method: "notifications/initialized" });
  return {
    async call(command, options) {
      const { isError, content } = await request("tools/call", { name: command, arguments: options });
      const text = (content ?? []).map((part) => part.text).join("\n");
      if (isError === true) throw new Error(`helm: ${text}`);
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return text;
      }
    },
    stop: () => child.kill(),
  };
}
