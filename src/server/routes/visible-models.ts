import { isModelAllowed, type ModelList } from "../../auth/model-access.ts";
import type { Principal } from "../../auth/principal.ts";
import { DetailError } from "../../errors/detail-error.ts";
import { asArray } from "../../json/json.ts";
import { Authority } from "../../management/authority.ts";
import { listOf } from "../../management/object-shape.ts";
import { modelsOfProvider } from "../../pricing/catalogue.ts";
import type { AutoRouter } from "../../snapshot/auto-router.ts";
import type { Deployment, Snapshot } from "../../snapshot/snapshot.ts";
import { teams } from "../../store/objects/teams.ts";
import type { RouteRequest } from "../route.ts";
import type { Services } from "../services.ts";

/** Whose eyes look at the models. */
export interface Viewer {
  readonly access: readonly ModelList[];
  /** Teams whose own models are shown; undefined for all. */
  readonly teamIds: readonly string[] | undefined;
  /** Administrators see what `model_info.discoverable: false` keeps from others. */
  readonly administers?: boolean;
  /** Its own names of models. */
  readonly aliases?: ReadonlyMap<string, string>;
}

/** The caller, or the team that it asks for, when it belongs to it. */
export async function viewerOf(
  { services, principal }: RouteRequest,
  options: { readonly teamId?: string | null; readonly ownTeams?: boolean } = {},
): Promise<Viewer> {
  const access = principal?.grant?.access ?? [];
  if (principal === undefined) return { access, teamIds: [] };
  const connection = services.management.database.kysely;
  const authority = new Authority(principal, connection);
  if (options.teamId !== undefined && options.teamId !== null) {
    const team = await teams.find(connection, options.teamId);
    if (team === undefined) throw new DetailError(404, { error: `Team not found, passed team_id=${options.teamId}` });
    if (!(await authority.seesTeam(team))) {
      throw new DetailError(403, {
        error: `You may only see models of teams that you belong to. team_id=${team.team_id}`,
      });
    }
    return { access: [{ object: "team", models: listOf(team.models) }], teamIds: [team.team_id] };
  }
  const aliases = principal.grant?.rules?.aliases;
  const administers = principal.role === "proxy_admin" || principal.role === "proxy_admin_viewer";
  const named = { access, administers, ...(aliases === undefined ? {} : { aliases }) };
  if (seesEverything(principal)) return { ...named, teamIds: undefined };
  if (options.ownTeams === true) return { ...named, teamIds: await authority.ownTeamIds() };
  return { ...named, teamIds: principal.teamId === undefined ? [] : [principal.teamId] };
}

function seesEverything({ role, grant }: Principal): boolean {
  return (role === "proxy_admin" || role === "proxy_admin_viewer") && (grant?.access.length ?? 0) === 0;
}

/** The name that callers use: a team's model goes by the name that the team gave it. */
export function publicName({ info, modelName }: Deployment): string {
  return typeof info.team_public_model_name === "string" ? info.team_public_model_name : modelName;
}

/** Deployments that the viewer may call, in their order. */
export function visibleDeployments(services: Services, viewer: Viewer): Deployment[] {
  const snapshot = services.snapshot();
  return [...snapshot.deploymentsById.values()].filter((deployment) => {
    const { team_id: team, discoverable } = deployment.info;
    if (discoverable === false && viewer.administers !== true) return false;
    if (typeof team === "string" && viewer.teamIds !== undefined && !viewer.teamIds.includes(team)) return false;
    return isUsable(services, viewer, publicName(deployment));
  });
}

/** Auto routers that the viewer may call. */
export function visibleAutoRouters(services: Services, viewer: Viewer): AutoRouter[] {
  return [...services.snapshot().autoRouters.values()].filter(({ name, teamId, info }) => {
    if (info.discoverable === false && viewer.administers !== true) return false;
    if (teamId !== undefined && viewer.teamIds !== undefined && !viewer.teamIds.includes(teamId)) return false;
    return isUsable(services, viewer, name);
  });
}

/** Public names that the viewer may call, aliases first; wildcards stand for the catalogue's models of their provider. */
export function visibleNames(services: Services, viewer: Viewer, withPatterns: boolean): string[] {
  const names = listedModels(services.snapshot(), withPatterns, viewer).filter((name) =>
    isUsable(services, viewer, name),
  );
  const own = [...(viewer.aliases ?? [])].flatMap(([alias, model]) => (names.includes(model) ? [alias] : []));
  return own.length === 0 ? names : [...new Set([...own, ...names])];
}

function isUsable(services: Services, { access }: Viewer, name: string): boolean {
  const groups = services.gate?.accessGroups() ?? NO_GROUPS;
  return access.every(({ models }) => isModelAllowed(models, name, services.snapshot(), groups));
}

const NO_GROUPS: ReadonlyMap<string, readonly string[]> = new Map();

/** Whether one of a name's deployments neither cools down nor failed its last health check. */
export function isHealthy(services: Services, name: string): boolean {
  const snapshot = services.snapshot();
  const target = snapshot.aliases.get(name)?.model ?? name;
  const deployments = snapshot.groups.get(target);
  return deployments === undefined || deployments.some((deployment) => isUp(services, deployment));
}

export function isUp({ router }: Services, { id }: Deployment): boolean {
  const { cooldown, health } = router.state(id);
  return health?.healthy !== false && (cooldown === undefined || cooldown.until <= router.now());
}

/** Names of access groups: those of deployments, and those that are kept in the database. */
export function accessGroupNames(services: Services): string[] {
  const names = new Set<string>();
  for (const { info } of services.snapshot().deploymentsById.values()) {
    for (const group of asArray(info.access_groups)) if (typeof group === "string") names.add(group);
  }
  for (const name of services.gate?.accessGroups().keys() ?? []) names.add(name);
  return [...names];
}

/** The groups among these that the viewer may use. */
export function visibleGroups(services: Services, { access }: Viewer): string[] {
  return accessGroupNames(services).filter((group) =>
    access.every(({ models }) => models.length === 0 || models.includes(group) || models.includes("*")),
  );
}

/** Whether no deployment can be called, or none is to be found by who is no administrator. */
function hides(deployments: readonly Deployment[], administers: boolean): boolean {
  if (deployments.every(({ info }) => info.blocked === true)) return true;
  return !administers && deployments.every(({ info }) => info.discoverable === false);
}

/** Public names, aliases first; of team models those of the teams (undefined: of all). */
export function listedModels(
  snapshot: Snapshot,
  withPatterns: boolean,
  { teamIds, administers }: Pick<Viewer, "teamIds" | "administers"> = { teamIds: undefined },
): string[] {
  const names = new Set<string>();
  const isHidden = (deployments: readonly Deployment[] | undefined): boolean =>
    deployments !== undefined && hides(deployments, administers === true);
  for (const [alias, { hidden, model }] of snapshot.aliases) {
    if (!hidden && !isHidden(snapshot.groups.get(model))) names.add(alias);
  }
  for (const [group, deployments] of snapshot.groups) {
    if (isHidden(deployments)) continue;
    for (const deployment of deployments) {
      const { team_id: team } = deployment.info;
      if (typeof team !== "string") names.add(group);
      else if (teamIds === undefined || teamIds.includes(team)) names.add(publicName(deployment));
    }
  }
  for (const { name, teamId } of snapshot.autoRouters.values()) {
    if (teamId === undefined || teamIds === undefined || teamIds.includes(teamId)) names.add(name);
  }
  for (const wildcard of snapshot.wildcards) {
    if (isHidden(wildcard.deployments)) continue;
    if (withPatterns) names.add(wildcard.pattern);
    for (const deployment of wildcard.deployments) {
      if (wildcard.pieces.length !== 2 || !deployment.upstreamModel.endsWith("*")) continue;
      for (const model of modelsOfProvider(deployment.provider)) {
        if (model.includes("*")) continue;
        names.add(wildcard.pattern === "*" ? `${deployment.provider}/${model}` : wildcard.pieces.join(model));
      }
    }
  }
  return [...names];
}
