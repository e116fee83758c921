// OPENAI_API_KEY=… node examples/completion.mjs
import { completion } from "isthmus";

const answer = await completion({
  model: process.env.MODEL ?? "openai/gpt-4o-mini",
  messages: [{ role: "user", content: "Why one door for many models?" }],
  max_tokens: 200,
});
console.log(answer.choices[0].message.content);
console.log(`that cost $${answer.isthmus.cost}`);
