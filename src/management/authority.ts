import type { Principal } from "../auth/principal.ts";
import type { Connection } from "../store/objects/object-table.ts";
import { findOrganizationMember, organizationMembers } from "../store/objects/organizations.ts";
import { findTeamMember, type TeamRow, teamMembers } from "../store/objects/teams.ts";
import { listOf } from "./object-shape.ts";

/** What the caller may see and change beyond its own: asked of the memberships, as they are now. */
export class Authority {
  readonly principal: Principal;
  readonly #connection: Connection;

  constructor(principal: Principal, connection: Connection) {
    this.principal = principal;
    this.#connection = connection;
  }

  get isAdmin(): boolean {
    return this.principal.role === "proxy_admin";
  }

  /** Sees everything, whoever owns it. */
  get seesAll(): boolean {
    return this.isAdmin || this.principal.role === "proxy_admin_viewer";
  }

  isSelf(userId: string | null | undefined): boolean {
    return userId !== null && userId !== undefined && this.principal.userId === userId;
  }

  async teamRole(teamId: string): Promise<string | undefined> {
    const { userId } = this.principal;
    return userId === undefined ? undefined : (await findTeamMember(this.#connection, teamId, userId))?.role;
  }

  async administersOrganization(organizationId: string | null): Promise<boolean> {
    if (this.isAdmin) return true;
    const { userId } = this.principal;
    if (organizationId === null || userId === undefined) return false;
    return (await findOrganizationMember(this.#connection, organizationId, userId))?.user_role === "org_admin";
  }

  /** An administrator, one of the team's organisation, or one of the team. */
  async administersTeam(team: Pick<TeamRow, "team_id" | "organization_id">): Promise<boolean> {
    if (await this.administersOrganization(team.organization_id)) return true;
    return (await this.teamRole(team.team_id)) === "admin";
  }

  /** Whether the team lets its members call a route of the key API for the team's keys. */
  async hasMemberPermission(team: TeamRow, route: string): Promise<boolean> {
    if ((await this.teamRole(team.team_id)) === undefined) return false;
    return listOf(team.member_permissions).includes(route);
  }

  async seesTeam(team: Pick<TeamRow, "team_id" | "organization_id">): Promise<boolean> {
    if (this.seesAll || this.principal.teamId === team.team_id) return true;
    return (
      (await this.teamRole(team.team_id)) !== undefined || (await this.administersOrganization(team.organization_id))
    );
  }

  /** Teams that the caller belongs to, or administers. */
  async ownTeamIds(role?: "admin"): Promise<readonly string[]> {
    const { userId, teamId } = this.principal;
    const memberships = userId === undefined ? [] : await teamMembers.findMany(this.#connection, [userId], "user_id");
    const ids = memberships.filter((member) => role === undefined || member.role === role).map((row) => row.team_id);
    return role === undefined && teamId !== undefined ? [...new Set([...ids, teamId])] : ids;
  }

  /** Teams of any user; what the caller may see of them is asked elsewhere. */
  async teamIdsOf(userId: string): Promise<readonly string[]> {
    return (await teamMembers.findMany(this.#connection, [userId], "user_id")).map((row) => row.team_id);
  }

  /** Organisations that the caller administers. */
  async ownOrganizationIds(): Promise<readonly string[]> {
    const { userId } = this.principal;
    if (userId === undefined) return [];
    const memberships = await organizationMembers.findMany(this.#connection, [userId], "user_id");
    return memberships.filter((member) => member.user_role === "org_admin").map((row) => row.organization_id);
  }
}
