import { ERROR_CODES, type ErrorCode, UpstreamError } from "../errors/gateway-error.ts";
import { mockAnswer } from "../providers/echo.ts";
import type { Endpoint } from "../providers/provider.ts";

const ERROR_TEXT = /^litellm\.(\w+)$/;

/** An endpoint that answers with `mock_response` instead of calling the provider; `litellm.<Class>` raises that error. */
export function mockEndpoint(text: string): Endpoint {
  return {
    format: "openai-chat",
    path: "",
    exchange: async (request) => {
      const name = ERROR_TEXT.exec(text)?.[1];
      const code = (Object.keys(ERROR_CODES) as ErrorCode[]).find(
        (candidate) => ERROR_CODES[candidate].litellmClass === name,
      );
      if (code !== undefined) {
        throw new UpstreamError({ code, message: `this is a mock ${name}`, upstreamStatus: ERROR_CODES[code].status });
      }
      return mockAnswer(request, text);
    },
  };
}
