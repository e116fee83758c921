import type { EventBus } from "../events/event-bus.ts";
import type { Log } from "../events/log.ts";
import type { RequestEvent } from "../events/request-event.ts";
import { Router } from "../routing/router.ts";

/** The router of a process: on the process's clock, telling its log and its events of cooldowns. */
export function openRouter(options: { readonly log: Log; readonly events: EventBus<RequestEvent> }): Router {
  const { log, events } = options;
  return new Router({
    random: Math.random,
    now: Date.now,
    onCooldown: (deployment, cooldown) => {
      const { id, provider, modelName } = deployment;
      const seconds = (cooldown.until - cooldown.since) / 1000;
      log.info("a deployment cools down", { deployment: id, model: modelName, seconds, code: cooldown.code });
      if (!events.heard) return;
      events.emit({
        type: "cooled-down",
        at: cooldown.since,
        until: cooldown.until,
        deploymentId: id,
        provider,
        group: modelName,
        errorCode: cooldown.code,
      });
    },
  });
}
