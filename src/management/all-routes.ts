import { modelGroupRoutes } from "./access-groups/model-groups.ts";
import { unifiedGroupRoutes } from "./access-groups/unified-groups.ts";
import { auditRoutes } from "./audit-routes.ts";
import { budgetRoutes } from "./budgets/budget-routes.ts";
import { softBudgetRoutes } from "./budgets/soft-budgets.ts";
import { passThroughEndpointRoutes } from "./configuration/pass-through-routes.ts";
import { settingRoutes } from "./configuration/setting-routes.ts";
import { costMapRoutes } from "./cost-map/cost-map-routes.ts";
import { credentialRoutes } from "./credentials/credential-routes.ts";
import { customerRoutes } from "./customers/customer-routes.ts";
import { invitationRoutes } from "./invitations/invitation-routes.ts";
import { keyRoutes } from "./keys/key-routes.ts";
import { rotatedKeyRoutes } from "./keys/rotate-keys.ts";
import { modelRoutes } from "./models/model-routes.ts";
import { organizationRoutes } from "./organizations/organization-routes.ts";
import { projectRoutes } from "./projects/project-routes.ts";
import { publicGroupRoutes } from "./public/public-groups.ts";
import type { ManagementRoute } from "./route.ts";
import { allowedIpRoutes } from "./settings/allowed-ip-routes.ts";
import { spendRoutes } from "./spend/spend-routes.ts";
import { tagRoutes } from "./tags/tag-routes.ts";
import { teamCallbackRoutes } from "./teams/team-callbacks.ts";
import { teamRoutes } from "./teams/team-routes.ts";
import { userRoutes } from "./users/user-routes.ts";

/** Every operation of the management API. */
export const ALL_MANAGEMENT_ROUTES: readonly ManagementRoute[] = [
  ...keyRoutes,
  ...rotatedKeyRoutes,
  ...userRoutes,
  ...teamRoutes,
  ...organizationRoutes,
  ...budgetRoutes,
  ...softBudgetRoutes,
  ...customerRoutes,
  ...tagRoutes,
  ...modelRoutes,
  ...credentialRoutes,
  ...modelGroupRoutes,
  ...costMapRoutes,
  ...settingRoutes,
  ...passThroughEndpointRoutes,
  ...publicGroupRoutes,
  ...unifiedGroupRoutes,
  ...teamCallbackRoutes,
  ...projectRoutes,
  ...invitationRoutes,
  ...auditRoutes,
  ...allowedIpRoutes,
  ...spendRoutes,
];
