import type { Role } from "../permissions.ts";

/** Makes those that a token names and nobody knows yet, as an administrator would. */
export interface TokenObjects {
  makeUser(user: { readonly user_id: string; readonly user_email?: string; readonly user_role?: Role }): Promise<void>;
  makeTeam(team: { readonly team_id: string }): Promise<void>;
  setRole(userId: string, role: Role): Promise<void>;
  /** Makes the user a member of these teams, and of no others where it is to leave those. */
  setTeams(userId: string, teamIds: readonly string[], options: { readonly leaveOthers: boolean }): Promise<void>;
}
