import { anthropicClient, client, publicFetch, publicSocket } from "./client.ts";
import { faultChecks } from "./faults.ts";
import { type Host, SECRETS } from "./host.ts";
import { containers, get, hostContainer, must, sameCount, until } from "./look.ts";

export interface Check {
  readonly name: string;
  run(host: Host): Promise<void>;
}

const QUESTION = [{ role: "user", content: "count to five" }] as const;

/** In this order: each begins where the one before it ended. */
export const CHECKS: readonly Check[] = [
  {
    name: "make doctor names the network that is missing, and make networks makes both",
    async run({ withoutNetworks }) {
      must(withoutNetworks.status !== 0, "make doctor ended well without networks");
      must(/no network web.*fix: make networks/s.test(withoutNetworks.output), withoutNetworks.output);
    },
  },
  {
    name: "make up isthmus brings it up behind Traefik",
    async run(host) {
      const { status, output } = await host.make("up", "isthmus");
      must(status === 0, output);
      await until("https://isthmus answers", 60, async () => (await get(host, "/health/readiness")).status === 200);
    },
  },
  {
    name: "its root is read-only, its user has no rights",
    async run(host) {
      const [container] = await containers(host);
      const inspected = JSON.parse(await host.podman("inspect", container ?? "")) as {
        HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[] };
        Config: { User: string };
      }[];
      must(inspected[0]?.HostConfig.ReadonlyRootfs === true, "the root file system can be written");
      must(inspected[0]?.Config.User === "65532:65532", `it runs as ${inspected[0]?.Config.User}`);
    },
  },
  {
    name: "Traefik adds the security headers",
    async run(host) {
      const { headers } = await get(host, "/health/liveliness");
      must(headers.get("strict-transport-security")?.includes("max-age=31536000") === true, "no HSTS");
      must(headers.get("x-content-type-options") === "nosniff", "no nosniff");
    },
  },
  {
    name: "the official client gets an answer and a stream, frame by frame",
    async run(host) {
      const openai = client(host);
      const answer = await openai.chat.completions.create({ model: "gpt", messages: [...QUESTION] });
      must(answer.choices[0]?.message.content === "one two three four five", JSON.stringify(answer));
      const times: number[] = [];
      let text = "";
      const stream = await openai.chat.completions.create({
        model: "gpt",
        stream: true,
        messages: [{ role: "user", content: "slow" }],
      });
      for await (const chunk of stream) {
        times.push(performance.now());
        text += chunk.choices[0]?.delta?.content ?? "";
      }
      must(text === "one two three four five", text);
      const spread = (times.at(-1) ?? 0) - (times[0] ?? 0);
      must(spread > 1000, `the frames came within ${Math.round(spread)} ms: something buffers them`);
    },
  },
  {
    name: "Anthropic's official client gets an answer and a stream from the same model",
    async run(host) {
      const anthropic = anthropicClient(host);
      const asked = { model: "gpt", max_tokens: 100, messages: [...QUESTION] };
      const answer = await anthropic.messages.create(asked);
      must(answer.content[0]?.type === "text" && answer.usage.output_tokens === 5, JSON.stringify(answer));
      const streamed = await anthropic.messages.stream(asked).finalText();
      must(streamed === "one two three four five", streamed);
    },
  },
  {
    name: "a realtime session over WebSocket answers",
    async run(host) {
      const socket = publicSocket(host, "/v1/realtime?model=realtime");
      const heard: string[] = [];
      const done = new Promise<void>((resolve, reject) => {
        socket.onmessage = ({ data }) => {
          const event = JSON.parse(String(data)) as { type: string };
          heard.push(event.type);
          if (event.type === "session.created") socket.send(JSON.stringify({ type: "response.create" }));
          if (event.type === "response.done") resolve();
        };
        socket.onerror = () => reject(new Error(`the socket failed after ${heard.join(", ")}`));
        socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason} after ${heard.join(", ")}`));
      });
      await Promise.race([done, Bun.sleep(15_000).then(() => Promise.reject(new Error(`heard ${heard.join(", ")}`)))]);
      socket.onclose = null;
      socket.close();
    },
  },
  {
    name: "a body of 20 MB passes",
    async run(host) {
      const content = "x".repeat(20 * 1024 * 1024);
      const answer = await client(host).chat.completions.create({
        model: "gpt",
        messages: [{ role: "user", content }],
      });
      must(answer.usage?.total_tokens === 15, JSON.stringify(answer.usage));
    },
  },
  {
    name: "PostgreSQL holds a row for every call that the provider saw",
    async run(host) {
      await sameCount(host);
    },
  },
  {
    name: "make logs shows the log, and no secret is in it",
    async run(host) {
      const log = (await Promise.all((await containers(host)).map((name) => host.podman("logs", name)))).join("\n");
      must(log.includes("listens on"), log.slice(0, 500));
      for (const [name, secret] of Object.entries(SECRETS)) must(!log.includes(secret), `${name} stands in the log`);
    },
  },
  {
    name: "make doctor finds nothing wrong",
    async run(host) {
      const { status, output } = await host.make("doctor");
      must(status === 0, output);
      for (const expected of ["PostgreSQL", "Redis", "leads to the gateway", "OpenAI answers"]) {
        must(output.includes(expected), `nothing about ${expected}:\n${output}`);
      }
    },
  },
  {
    name: "two instances share the load; one killed under load is not missed, and its calls are in the ledger",
    async run(host) {
      const { status, output } = await host.make("up", "isthmus", "ARGS=--scale isthmus=2");
      must(status === 0, output);
      await until("two instances", 60, async () => (await containers(host)).length === 2);
      await until("both are ready", 60, async () => {
        const states = await Promise.all(
          (await containers(host)).map((name) => host.podman("exec", name, "/app/isthmus", "health").catch(() => "")),
        );
        return states.every((state) => state.startsWith("200"));
      });
      await Bun.sleep(3000); // Traefik hears of it
      const [victim] = await containers(host);
      let failed = 0;
      let answered = 0;
      const load = Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let call = 0; call < 40; call++) {
            try {
              await client(host).chat.completions.create({ model: "gpt", messages: [...QUESTION] });
              answered++;
            } catch {
              failed++;
            }
          }
        }),
      );
      await Bun.sleep(300);
      await host.podman("kill", "--signal", "KILL", victim ?? "");
      await load;
      must(answered > 200, `${answered} answered, ${failed} failed`);
      await host.podman("start", victim ?? "");
      await until("the killed one is back", 60, async () =>
        (await host.podman("exec", victim ?? "", "/app/isthmus", "health").catch(() => "")).startsWith("200"),
      );
      await sameCount(host);
    },
  },
  {
    name: "PostgreSQL and Redis restarted under load: calls are answered, rows come later",
    async run(host) {
      const openai = client(host);
      await host.podman("restart", "-t", "2", await hostContainer(host, "redis"));
      await openai.chat.completions.create({ model: "gpt", messages: [...QUESTION] });
      const postgres = await hostContainer(host, "postgres");
      await host.podman("stop", "-t", "2", postgres);
      for (let call = 0; call < 5; call++) {
        await openai.chat.completions.create({ model: "gpt", messages: [...QUESTION] });
      }
      await host.podman("start", postgres);
      await sameCount(host);
    },
  },
  {
    name: "Traefik reloads its configuration under load, and no call is missed",
    async run(host) {
      let answered = 0;
      const load = Promise.all(
        Array.from({ length: 4 }, async () => {
          for (let call = 0; call < 60; call++) {
            await client(host).chat.completions.create({ model: "gpt", messages: [...QUESTION] });
            answered++;
          }
        }),
      );
      for (let reload = 0; reload < 3; reload++) {
        host.reloadTraefik();
        await Bun.sleep(400);
      }
      await load;
      must(answered === 240, `${answered} of 240 were answered`);
      await sameCount(host);
    },
  },
  {
    name: "a virtual key is made, used and limited",
    async run(host) {
      const made = await publicFetch(host)(`https://isthmus.${host.domain}/key/generate`, {
        method: "POST",
        headers: { authorization: `Bearer ${SECRETS.LITELLM_MASTER_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ models: ["gpt"], rpm_limit: 2 }),
      });
      const { key } = (await made.json()) as { key?: string };
      must(made.status === 200 && key !== undefined, `${made.status}`);
      const openai = client(host, key);
      const ask = () => openai.chat.completions.create({ model: "gpt", messages: [...QUESTION] });
      await ask();
      let status = 200;
      // Each instance counts for itself until the second request of both.
      for (let call = 0; call < 8 && status === 200; call++) {
        status = await ask().then(
          () => 200,
          (error: { status?: number }) => error.status ?? 0,
        );
      }
      must(status === 429, `the key was never limited: ${status}`);
    },
  },
  ...faultChecks(),
  {
    name: "make down ends it in order: a stream under way is finished first",
    async run(host) {
      // podman-compose takes down what it would bring up.
      const one = await host.make("up", "isthmus", "ARGS=--scale isthmus=1");
      must(one.status === 0, one.output);
      for (const name of (await containers(host)).slice(1)) await host.podman("rm", "-f", "-t", "40", name);
      // Until Traefik has forgotten the other one: it asks each instance every five seconds.
      await until("only one instance is asked", 60, async () => {
        for (let ask = 0; ask < 10; ask++) {
          const answer = await get(host, "/health/readiness", { signal: AbortSignal.timeout(1000) });
          if (answer.status !== 200) return false;
        }
        return true;
      });
      const stream = await client(host).chat.completions.create({
        model: "gpt",
        stream: true,
        messages: [{ role: "user", content: "slow" }],
      });
      let text = "";
      const read = (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
      })();
      await Bun.sleep(500);
      const { status, output } = await host.make("down");
      await read;
      must(status === 0, output);
      must(text === "one two three four five", `the stream ended after ${JSON.stringify(text)}`);
      must((await containers(host)).length === 0, "containers are left");
    },
  },
];
