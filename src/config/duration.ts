/** LiteLLM's durations: `30s`, `5m`, `24h`, `7d`, `1w`, `1mo`. */
export const DURATION_SYNTAX = /^([1-9]\d{0,5})(s|mo|m|h|d|w)$/;
