// GROQ_API_KEY=… node examples/transcription.mjs talk.mp3
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { transcription } from "isthmus";

const path = process.argv[2];
const { text } = await transcription({
  model: process.env.MODEL ?? "groq/whisper-large-v3",
  file: Object.assign(new Blob([await readFile(path)]), { name: basename(path) }),
});
console.log(text);
