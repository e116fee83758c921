// OPENAI_API_KEY=… node examples/embedding.mjs
import { embedding } from "isthmus";

const { data, isthmus } = await embedding({
  model: process.env.MODEL ?? "openai/text-embedding-3-small",
  input: ["an isthmus", "a narrow neck of land"],
});
console.log(`${data.length} vectors of ${data[0].embedding.length} numbers for $${isthmus.cost}`);
