import { limitSettingsOf } from "../../admission/limit-settings.ts";
import { asNumber } from "../../json/json.ts";
import { renewDueBudgets } from "../../store/objects/renew-budgets.ts";
import { TABLES } from "../change.ts";
import { type Management, resetClock } from "../management.ts";

/** How often it is looked which budgets begin anew, in seconds. */
const LOOK_SECONDS = 15;

/**
 * Lets the budgets whose period is over begin anew, as long as the process lives. The time between two looks is ours
 * unless `proxy_budget_rescheduler_min_time` and `…_max_time` set another: then any between these.
 */
export function openBudgetRenewal(management: Management): { readonly close: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  const again = (): void => {
    if (closed) return;
    timer = setTimeout(() => void look().finally(again), secondsBetweenLooks(management) * 1_000);
    timer.unref();
  };
  const look = async (): Promise<void> => {
    try {
      await renewNow(management);
    } catch (error) {
      management.log.warning("budgets cannot begin anew now; it is tried again", { reason: String(error) });
    }
  };
  void look().finally(again);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** Returns how many budgets began anew. */
export async function renewNow(management: Management): Promise<number> {
  const { resets, rollover } = limitSettingsOf(management.snapshot());
  if (!resets) return 0;
  const renewed = await renewDueBudgets(management.database, management.now(), resetClock(management), rollover);
  // Whoever admits requests has copies of what the holders of these budgets have left.
  if (renewed.length > 0) await management.changed(renewed.map((id) => ({ table: TABLES.budget, id })));
  return renewed.length;
}

function secondsBetweenLooks(management: Management): number {
  const { proxy_budget_rescheduler_min_time: least, proxy_budget_rescheduler_max_time: most } =
    management.snapshot().general.raw;
  const low = Math.max(asNumber(least) ?? asNumber(most) ?? LOOK_SECONDS, 1);
  const high = Math.max(asNumber(most) ?? low, low);
  return low + Math.random() * (high - low);
}
