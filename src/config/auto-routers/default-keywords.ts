/** LiteLLM's words (1.106) for the kinds of questions that its complexity router tells apart; several words with `+`. */
const listed = (text: string): readonly string[] =>
  text.split(/\s+/).flatMap((word) => (word === "" ? [] : [word.replaceAll("+", " ")]));

export const CODE_KEYWORDS = listed(`
  algorithm angular api async await branch catch class commit const database debug def docker endpoint error exception
  export function git golang implement import java javascript kubernetes let merge node optimize pull+request python
  query react refactor request response return rust schema sql try typescript var vue`);

export const REASONING_KEYWORDS = listed(`
  analyze+this break+down chain+of+thought compare+and+contrast conclude consider+all deduce evaluate
  explain+your+reasoning infer let's+think logical pros+and+cons reason+through show+your+work step+by+step
  think+carefully think+through weigh+the+options`);

export const TECHNICAL_KEYWORDS = listed(`
  architecture authentication authorization benchmark concurrency container cpu deep+learning distributed encryption gpu
  grpc http latency machine+learning memory microservice neural+network optimization orchestration parallel performance
  protocol scalable tcp threading throughput websocket`);

export const SIMPLE_KEYWORDS = listed(`
  brief bye define definition+of goodbye hello hey hi how+many how+much okay quick short simple thank+you thanks
  true+or+false what+is what's when+did when+was where+is where+was who+is who+was yes+or+no`);
