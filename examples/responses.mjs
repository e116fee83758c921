// OPENAI_API_KEY=… node examples/responses.mjs
import { responses } from "isthmus";

const answer = await responses({
  model: process.env.MODEL ?? "openai/gpt-4o-mini",
  input: "Say hello in three languages.",
});
for (const item of answer.output) for (const part of item.content ?? []) console.log(part.text);
