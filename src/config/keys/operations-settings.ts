import { later, section, supported } from "../key.ts";
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
    path: supported(text),
    target: supported(text),
    headers: supported(map),
    auth: supported(flagOn),
    include_subpath: supported(flag),
    default_query_params: supported(map),
    methods: supported(texts),
    cost_per_request: supported(amount),
    forward_headers: supported(flag),
    merge_query_params: formats(flag),
    guardrails: formats({ kind: "either", types: [map, list] }),
    timeout: supported(amount),
    id: supported(text),
  },
  { required: ["path", "target"] },
);
