import type { ManagementRoute } from "../route.ts";
import { activityDetailRoutes } from "./activity-details.ts";
import { calculateRoutes } from "./calculate.ts";
import { dailyActivityRoutes } from "./daily-activity.ts";
import { explainRoute } from "./explain.ts";
import { globalActivityRoutes } from "./global-activity.ts";
import { spendLogRoutes } from "./spend-logs.ts";
import { spendTotalRoutes } from "./spend-totals.ts";

/** Everything that says what was spent. */
export const spendRoutes: readonly ManagementRoute[] = [
  ...spendLogRoutes,
  explainRoute,
  ...spendTotalRoutes,
  ...globalActivityRoutes,
  ...dailyActivityRoutes,
  ...activityDetailRoutes,
  ...calculateRoutes,
];
