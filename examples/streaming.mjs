// OPENAI_API_KEY=… node examples/streaming.mjs
import { completion } from "isthmus";

const stream = await completion({
  model: process.env.MODEL ?? "openai/gpt-4o-mini",
  messages: [{ role: "user", content: "Count to five." }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
console.log(`\nthat took ${JSON.stringify(stream.isthmus.usageBuckets.buckets)}`);
