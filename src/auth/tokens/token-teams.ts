import { GatewayError } from "../../errors/gateway-error.ts";
import type { TeamRow } from "../../store/objects/teams.ts";
import type { UserRow } from "../../store/objects/users.ts";
import type { KeyDirectory } from "../key-directory.ts";
import type { TokenClaims } from "./token-claims.ts";
import type { TokenObjects } from "./token-objects.ts";
import type { TokenSettings } from "./token-settings.ts";

export interface TokenTeams {
  /** Those that a call may be of, in their order. */
  readonly teams: readonly TeamRow[];
  /** Those that only a call which names them is of. */
  readonly byName: readonly TeamRow[];
}

export interface TeamSources {
  readonly directory: KeyDirectory;
  readonly objects: TokenObjects;
}

/** The teams of a token: those that it claims, else those that its user is a member of. Throws the caller's refusal. */
export async function teamsOfToken(
  claims: TokenClaims,
  settings: TokenSettings,
  user: UserRow | undefined,
  sources: TeamSources,
): Promise<TokenTeams> {
  const joined = (): Promise<readonly TeamRow[]> =>
    user === undefined ? Promise.resolve([]) : sources.directory.teamsOf(user.user_id);
  if (settings.userTeams && !claims.teamClaimed) {
    const own = await joined();
    if (own.length === 0 && settings.enforceTeamModels) {
      throw denied("User is not a member of any team. Add the user to a team.");
    }
    return { teams: own, byName: [] };
  }
  const claimed = await claimedTeams(claims, settings, sources);
  if (user !== undefined && claims.teamClaimed && claimed.length > 0) {
    const ids = claimed.map((team) => team.team_id);
    await sources.objects.setTeams(user.user_id, ids, { leaveOthers: settings.syncUser });
  }
  if (claimed.length > 0) {
    const others = settings.userTeams ? await joined() : [];
    return { teams: claimed, byName: others.filter((team) => !claimed.some((one) => one.team_id === team.team_id)) };
  }
  const strict = claims.teamIds.length > 0 || claims.teamAlias !== undefined;
  const own = strict
    ? settings.teamClaimFallback
      ? await joined()
      : []
    : settings.enforceTeamModels
      ? []
      : await joined();
  if (own.length === 1) return { teams: own, byName: [] };
  if (strict || settings.enforceTeamModels) {
    throw denied(`No team found in token. Checked teams=[${claims.teamIds.join(", ")}]`);
  }
  return { teams: [], byName: [] };
}

/** The token's teams that are there, in their order. */
async function claimedTeams(
  claims: TokenClaims,
  settings: TokenSettings,
  { directory, objects }: TeamSources,
): Promise<readonly TeamRow[]> {
  const found: TeamRow[] = [];
  for (const id of claims.teamIds) {
    let team = await directory.team(id);
    if (team === undefined && settings.upsertTeam) {
      team = await made(objects.makeTeam({ team_id: id }), () => directory.team(id));
    }
    if (team !== undefined) found.push(team);
    else if (claims.teamNamed && id === claims.teamIds[0] && !settings.teamClaimFallback) {
      throw denied(`Team doesn't exist in db. Team=${id}. Create team via \`/team/new\` call.`);
    }
  }
  if (claims.teamAlias !== undefined && found.length === 0) {
    const team = await directory.teamByAlias(claims.teamAlias);
    if (team !== undefined) return [team];
    if (!settings.teamClaimFallback) throw denied(`Team doesn't exist in db. Team alias=${claims.teamAlias}.`);
  }
  return found;
}

/** Two requests of one newcomer may come at once: the second finds what the first made. */
export async function made<T>(making: Promise<void>, find: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    await making;
  } catch (error) {
    const found = await find();
    if (found === undefined) throw error;
    return found;
  }
  return find();
}

export function denied(message: string): GatewayError {
  return new GatewayError("permission_denied", message, { type: "auth_error" });
}
