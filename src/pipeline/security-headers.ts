/** What every answer carries, as LiteLLM's do: no framing, no guessing of types. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-frame-options": "DENY",
  "content-security-policy": "frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  vary: "Origin",
};
