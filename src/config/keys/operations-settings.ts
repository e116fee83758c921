import { later, section } from "../key.ts";
import { amount, count, flag, flagOn, list, map, text, texts } from "../value-type.ts";

const formats = later("formats");
const observability = later("observability");

/** `general_settings.alerting_args`; times in seconds. */
export const alertingArgs = section("alerting_args", {
  daily_report_frequency: observability(amount),
  report_check_interval: observability(amount),
  budget_alert_ttl: observability(amount),
  outage_alert_ttl: observability(amount),
  region_outage_alert_ttl: observability(amount),
  minor_outage_alert_threshold: observability(count),
  major_outage_alert_threshold: observability(count),
  max_outage_alert_list_size: observability(count),
  log_to_console: observability(flag),
});

/** One entry of `general_settings.pass_through_endpoints`. */
export const passThroughEndpoint = section(
  "pass_through_endpoints[]",
  {
    path: formats(text),
    target: formats(text),
    headers: formats(map),
    auth: formats(flagOn),
    include_subpath: formats(flag),
    default_query_params: formats(map),
    methods: formats(texts),
    cost_per_request: formats(amount),
    forward_headers: formats(flag),
    merge_query_params: formats(flag),
    guardrails: formats({ kind: "either", types: [map, list] }),
    timeout: formats(amount),
    id: formats(text),
  },
  { required: ["path", "target"] },
);
