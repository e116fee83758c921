import { MODEL_CLOUDS } from "./model-clouds.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/** Every OpenAI-compatible provider. One line here or one file with quirks is all that a new one needs. */
export const OPENAI_COMPATIBLE_ROWS: readonly OpenAiCompatibleRow[] = [...MODEL_CLOUDS];
