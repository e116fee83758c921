// OPENAI_API_KEY=… node examples/image-generation.mjs
import { imageGeneration } from "isthmus";

const { data } = await imageGeneration({
  model: process.env.MODEL ?? "openai/gpt-image-1",
  prompt: "a narrow neck of land",
});
console.log(data[0].url ?? `${data[0].b64_json.length} characters of base64`);
