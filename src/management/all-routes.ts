import { keyRoutes } from "./keys/key-routes.ts";
import type { ManagementRoute } from "./route.ts";
import { spendRoutes } from "./spend/spend-routes.ts";

/** Every operation of the management API. */
export const ALL_MANAGEMENT_ROUTES: readonly ManagementRoute[] = [...keyRoutes, ...spendRoutes];
