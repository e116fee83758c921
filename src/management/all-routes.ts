import { keyRoutes } from "./keys/key-routes.ts";
import type { ManagementRoute } from "./route.ts";

/** Every operation of the management API. */
export const ALL_MANAGEMENT_ROUTES: readonly ManagementRoute[] = [...keyRoutes];
