import { parseBase } from "../base-url.ts";
import { type OpenAiCompatibleRow, resolveAddress } from "./openai-compatible.ts";

const BASE = "https://inference.baseten.co/v1";
/** Dedicated deployments are named by eight letters and digits and have a host each. */
const DEDICATED = /^[a-z0-9]{8}$/;

export const baseten: OpenAiCompatibleRow = {
  id: "baseten",
  label: "Baseten",
  documentation: "https://docs.baseten.co/development/model-apis/overview",
  base: BASE,
  keys: ["BASETEN_API_KEY"],
  bases: ["BASETEN_API_BASE"],
  serves: ["chat"],
  address: ({ model }, given) =>
    given === undefined && DEDICATED.test(model)
      ? parseBase(`https://model-${model}.api.baseten.co/environments/production/sync/v1`)
      : resolveAddress("Baseten", BASE, [], given),
};
