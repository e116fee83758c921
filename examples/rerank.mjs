// COHERE_API_KEY=… node examples/rerank.mjs
import { rerank } from "isthmus";

const documents = ["Paris is the capital of France.", "Cats sleep a lot."];
const { results } = await rerank({
  model: process.env.MODEL ?? "cohere/rerank-v3.5",
  query: "capital of France",
  documents,
});
for (const { index, relevance_score } of results) console.log(relevance_score.toFixed(3), documents[index]);
