// GROQ_API_KEY=… OPENAI_API_KEY=… node examples/router.mjs
import { Router } from "isthmus";

const router = new Router({
  model_list: [
    { model_name: "fast", litellm_params: { model: process.env.MODEL ?? "groq/llama-3.1-8b-instant", weight: 2 } },
    { model_name: "fast", litellm_params: { model: process.env.OTHER ?? "openai/gpt-4o-mini", weight: 1 } },
  ],
  num_retries: 2,
});
const answer = await router.completion({ model: "fast", messages: [{ role: "user", content: "Hello" }] });
console.log(answer.isthmus.model, answer.choices[0].message.content);
