import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Authenticator } from "../auth/authenticator.ts";
import { TokenDirectory } from "../auth/tokens/token-directory.ts";
import { openCache } from "../cache/open-cache.ts";
import { readFile } from "../config/deployment.ts";
import { EventBus } from "../events/event-bus.ts";
import { logEvents } from "../events/event-log.ts";
import { Log } from "../events/log.ts";
import type { RequestEvent } from "../events/request-event.ts";
import { httpCarrier } from "../http-client/http-client.ts";
import type { JsonObject } from "../json/json.ts";
import { openLedger } from "../ledger/ledger.ts";
import { openRetention } from "../ledger/retention.ts";
import { openBudgetRenewal } from "../management/budgets/renewal.ts";
import { openSoftBudgetWatch } from "../management/budgets/soft-budgets.ts";
import { TABLES } from "../management/change.ts";
import { PRICE_MAP_URL } from "../management/cost-map/reload-prices.ts";
import { openCostMapSchedule } from "../management/cost-map/schedule.ts";
import { applyDeclaredObjects } from "../management/declared/apply-declared.ts";
import { type KeyRotationOptions, openKeyRotation } from "../management/keys/rotate-keys.ts";
import type { Management } from "../management/management.ts";
import { storedSource } from "../management/models/stored-source.ts";
import { openManagement } from "../management/open-management.ts";
import { tokenObjects } from "../management/token-objects.ts";
import { HealthChecks } from "../pipeline/health-checks.ts";
import { Mirror } from "../pipeline/mirror.ts";
import { openGate } from "../pipeline/open-gate.ts";
import { openRouter } from "../pipeline/open-router.ts";
import { PassThroughTargets } from "../pipeline/pass-through/pass-through-targets.ts";
import { RealtimeSessions } from "../pipeline/realtime/realtime.ts";
import type { SocketHandler } from "../pipeline/realtime/realtime-session.ts";
import { openResources } from "../pipeline/resources/open-resources.ts";
import { ResourceTargets } from "../pipeline/resources/resource-targets.ts";
import { ResponseIds } from "../pipeline/responses/response-id.ts";
import { SharedRouting } from "../pipeline/shared-routing/shared-routing.ts";
import { type Peers, TrustedProxies } from "../server/client-address.ts";
import { RefusalCounts } from "../server/refusal-counts.ts";
import { RouteTable } from "../server/route-table.ts";
import { cacheRoutes } from "../server/routes/cache.ts";
import { configurationRoutes } from "../server/routes/configuration.ts";
import { conversationRoutes } from "../server/routes/conversations.ts";
import { deploymentHealthRoutes } from "../server/routes/deployment-health.ts";
import { documentationRoutes } from "../server/routes/documentation.ts";
import { healthRoutes } from "../server/routes/health.ts";
import { managementRoutes } from "../server/routes/management.ts";
import { modelRoutes } from "../server/routes/models.ts";
import { operationRoutes } from "../server/routes/operations.ts";
import { declaredRoute, passThroughRoutes } from "../server/routes/pass-through.ts";
import { publicRoutes } from "../server/routes/public.ts";
import { realtimeRoutes } from "../server/routes/realtime.ts";
import { providerResourceRoutes, resourceRoutes } from "../server/routes/resources.ts";
import { responseRoutes } from "../server/routes/responses.ts";
import { routeExplainRoutes } from "../server/routes/route-explain.ts";
import { shownSettingRoutes } from "../server/routes/shown-settings.ts";
import { tokenCounterRoutes } from "../server/routes/token-counter.ts";
import { tokenCountRoutes } from "../server/routes/token-counts.ts";
import { createHandler } from "../server/server.ts";
import type { Services } from "../server/services.ts";
import { SOCKETS, UPGRADED } from "../server/sockets.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { parseDuration } from "../store/objects/budget-window.ts";
import { openResponseStore } from "../store/responses/response-store.ts";
import { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import { fetchText } from "../upstream/fetch-text.ts";
import { Transport } from "../upstream/transport.ts";
import { type ServeOptions, UsageError } from "./arguments.ts";
import { banner } from "./banner.ts";
import { hintAtImport } from "./import/hint-at-import.ts";
import { ListenerGroup } from "./listener-group.ts";
import { LiveConfiguration } from "./live-configuration.ts";
import { decideMasterKey, isLoopback } from "./master-key.ts";
import { openStore } from "./open-store.ts";
import { openSharedRedis } from "./shared-redis.ts";
import { drainOnSignals, stopWithParent } from "./shutdown.ts";
import { ENDING, LISTENING, workerNumber } from "./supervise.ts";

/** Bun refuses what is larger before our code sees it; ours is the limit that counts. */
const PARSER_BODY_LIMIT = 4 * 1024 * 1024 * 1024;

/** How long a page of the operator's that is fetched may take. */
const FETCH_MS = 30_000;

/** Tables whose rows are part of the configuration. */
const CONFIGURING: ReadonlySet<string> = new Set([TABLES.model, TABLES.credential, TABLES.setting]);

/** Starts serving; returns when the port is open. The process then lives until a signal ends it. */
export async function serve(options: ServeOptions, version: string): Promise<void> {
  const { env } = process;
  const log = new Log({
    level: options.logLevel,
    json: isTrue(env.JSON_LOGS),
    write: (text) => void process.stderr.write(text),
  });
  const transport = new Transport(httpCarrier(env));
  const configuration = await LiveConfiguration.open({
    file: options.config,
    environment: env,
    log,
    transport,
    watch: !isTrue(env.ISTHMUS_NO_CONFIG_WATCH),
  });
  // What only a start can change: address, keys, database, cache.
  const snapshot = configuration.current;
  const host = options.host ?? (options.config === undefined ? "127.0.0.1" : "0.0.0.0");
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });

  const master = decideMasterKey({
    configured: snapshot.general.masterKey ?? env.LITELLM_MASTER_KEY ?? env.ISTHMUS_MASTER_KEY,
    permitWeak:
      isTrue(env.LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY) ||
      snapshot.general.raw.dangerously_permit_weak_or_unset_master_key === true,
    loopback: isLoopback(host),
    dataDir,
  });
  if (master.kind === "refuse") {
    console.error(master.reason);
    process.exit(3);
  }
  if (master.warning !== undefined) log.warning(master.warning);

  const { database } = await openStore({ environment: env, config: snapshot.general.raw, dataDir, log });
  await hintAtImport(database, log);
  const ledger = await openLedger({ dataDir, database, fsync: options.ledgerFsync, log });
  const retention = openRetention({
    database,
    log,
    period: snapshot.general.raw.maximum_spend_logs_retention_period,
    interval: snapshot.general.raw.maximum_spend_logs_retention_interval,
  });
  const redises = await openSharedRedis(snapshot, env, log);
  const redis = redises.coordination;
  const { timezone, budget_reset_time } = snapshot.library.raw;
  const gate = await openGate({
    database,
    dataDir,
    log,
    redis,
    shared: workerNumber(env) !== undefined && options.workers > 1,
    snapshot: () => configuration.current,
    resetClock: () => ({
      timeZone: typeof timezone === "string" ? timezone : undefined,
      resetTime: typeof budget_reset_time === "string" ? budget_reset_time : undefined,
    }),
  });
  const tokens = new TokenDirectory({
    general: () => configuration.current.general,
    environment: env,
    transport,
    directory: gate.directory,
    objects: tokenObjects(() => management),
    log,
  });
  const authenticator = new Authenticator({
    masterKey: master.key,
    find: (hash) => gate.directory.find(hash),
    tokens,
  });
  const deadlines = new DeadlineWheel();
  const cache = openCache({
    settings: cacheSettings(snapshot),
    groups: snapshot.router.raw.caching_groups,
    dataDir,
    redis: redises.cache,
    transport,
    deadlines,
    environment: env,
    readFile,
    log,
  });
  let ready = true;
  let draining = false;
  const rootPath = rootPathOf(env.SERVER_ROOT_PATH);
  const proxies = trustedProxies(env.ISTHMUS_TRUSTED_PROXIES);
  const sessions = new RealtimeSessions();
  const passThroughTargets = new PassThroughTargets(env, readFile);
  const table = new RouteTable([
    ...conversationRoutes,
    ...responseRoutes,
    ...operationRoutes,
    ...tokenCountRoutes,
    ...routeExplainRoutes,
    ...tokenCounterRoutes,
    ...modelRoutes,
    ...publicRoutes,
    ...managementRoutes,
    ...healthRoutes,
    ...deploymentHealthRoutes,
    ...cacheRoutes,
    ...configurationRoutes,
    ...realtimeRoutes(sessions),
    ...shownSettingRoutes,
    ...resourceRoutes,
    ...providerResourceRoutes,
    // Behind all others: they take every path below a provider's name.
    ...passThroughRoutes(passThroughTargets),
    ...documentationRoutes({ rootPath, pages: !isTrue(env.NO_DOCS), docsPath: env.DOCS_URL ?? "/" }),
  ]);
  const events = new EventBus<RequestEvent>({
    onError: (name, error) => log.warning("an event handler failed", { name, error: String(error) }),
    onDropped: (name, dropped) => log.warning("an event handler is too slow and loses events", { name, dropped }),
  });
  logEvents(events, log);
  const responses = {
    ids: new ResponseIds(env.LITELLM_SALT_KEY ?? master.key),
    store: openResponseStore({ database, log, ...responseRetention(env) }),
  };
  const management: Management = await openManagement({
    database,
    log,
    saltKey: env.LITELLM_SALT_KEY ?? master.key,
    sealedByMasterKey: env.LITELLM_SALT_KEY === undefined,
    previousSaltKey: env.LITELLM_MIGRATE_FROM_MASTER_KEY,
    snapshot: () => configuration.current,
    models: configuration,
    priceMapUrl: isTrue(env.LITELLM_LOCAL_MODEL_COST_MAP)
      ? undefined
      : (env.LITELLM_MODEL_COST_MAP_URL ?? PRICE_MAP_URL),
    fetchText: (url) => fetchText(transport, url, FETCH_MS),
    changed: async (changes) => {
      authenticator.forget();
      await gate.changed();
      if (changes.some(({ table }) => CONFIGURING.has(table))) await configuration.refresh();
    },
  });
  await configuration.attach(storedSource(database, management.secrets), (next) =>
    applyDeclaredObjects(management, next),
  );
  const jobs = [
    openCostMapSchedule(management),
    openSoftBudgetWatch(management),
    openBudgetRenewal(management),
    ...(isTrue(env.LITELLM_KEY_ROTATION_ENABLED) ? [openKeyRotation(management, keyRotation(env))] : []),
  ];
  const resources = openResources({
    database,
    targets: new ResourceTargets(env, readFile, passThroughTargets),
    gateway: () => services,
    directory: gate.directory,
  });
  const health = new HealthChecks({ gateway: () => services, database, redis });
  const router = openRouter({ log, events });
  const sharedRouting =
    redis === undefined
      ? undefined
      : new SharedRouting({ redis, router, health, snapshot: () => configuration.current, log });
  const services: Services = {
    version,
    snapshot: () => configuration.current,
    accounts: ledger,
    router,
    mirror: new Mirror(),
    events,
    responses,
    transport,
    deadlines,
    log,
    random: Math.random,
    gate,
    cache,
    authenticator,
    refusals: new RefusalCounts(),
    proxies,
    health,
    resources,
    management,
    routes: () => table.routes,
    declaredRoute: (method, path) => declaredRoute(configuration.current, method, path),
    degraded: () => [...(database.away || ledger.behind ? ["database"] : []), ...(redises.troubled() ? ["redis"] : [])],
    ready: () => ready,
    draining: () => draining,
    logLevel: options.logLevel,
  };
  const handler = createHandler(table, services, {
    rootPath,
    corsOrigins: (env.LITELLM_CORS_ORIGINS ?? "*").split(",").map((origin) => origin.trim()),
    hsts: isTrue(env.LITELLM_ENABLE_HSTS),
    proxies,
  });
  const worker = workerNumber(env);
  // The first request shall know what the others know.
  await sharedRouting?.start();
  const shared = worker !== undefined && options.workers > 1;
  const server = listen(options, host, handler, shared);
  const group = shared ? ListenerGroup.of(host, server.port ?? options.port) : undefined;
  group?.join();

  drainOnSignals({
    log,
    drainSeconds: Number(env.ISTHMUS_DRAIN_SECONDS ?? 30),
    waitSeconds: Number(env.ISTHMUS_DRAIN_WAIT_SECONDS ?? 0.5),
    begin: () => {
      draining = true;
      ready = false;
    },
    leave: async () => {
      const reason = await group?.leave();
      if (reason !== undefined) log.warning("new connections still come here and may be lost", { reason });
    },
    stop: (now) => server.stop(now),
    close: async () => {
      sessions.closeAll();
      configuration.close();
      for (const job of jobs) job.close();
      await health.close();
      await sharedRouting?.close();
      await resources.close();
      await ledger.close();
      await gate.close();
      await cache?.close();
      await redises.close();
      await retention.close();
      await responses.store.close();
      await database.close();
      log.flush();
    },
  });
  health.start();
  resources.start();
  process.on("SIGHUP", () => void configuration.reload());
  stopWithParent(env.ISTHMUS_LAUNCHER_PID);
  process.on("message", (message) => {
    if (message === ENDING) group?.end();
  });
  process.send?.(LISTENING);

  if (worker === undefined || worker === 0) {
    process.stdout.write(
      banner({
        url: `${options.tls === undefined ? "http" : "https"}://${host === "0.0.0.0" ? "127.0.0.1" : host}:${server.port}${rootPath}`,
        listening: `${host}:${server.port}`,
        dataDir,
        database: database.dialect === "postgres" ? `PostgreSQL at ${database.place}` : undefined,
        masterKey: master.origin === "generated" ? master.key : undefined,
        snapshot,
        version,
      }),
    );
  }
}

/** `litellm_settings`, in which `router_settings.cache_responses` counts as `cache`. */
function cacheSettings({ library, router }: Snapshot): JsonObject {
  return router.raw.cache_responses === true ? { ...library.raw, cache: true } : library.raw;
}

/** `LITELLM_KEY_ROTATION_*`: LiteLLM's names; its old secrets end at once, ours after a day unless told otherwise. */
function keyRotation(env: Readonly<Record<string, string | undefined>>): KeyRotationOptions {
  const seconds = Number(env.LITELLM_KEY_ROTATION_CHECK_INTERVAL_SECONDS ?? 86_400);
  if (!(seconds >= 1 && seconds <= 86_400 * 7)) {
    throw new UsageError("LITELLM_KEY_ROTATION_CHECK_INTERVAL_SECONDS must be a number from 1 to 604800");
  }
  const gracePeriod = env.LITELLM_KEY_ROTATION_GRACE_PERIOD || "24h";
  if (parseDuration(gracePeriod) === undefined) {
    throw new UsageError(`LITELLM_KEY_ROTATION_GRACE_PERIOD must be a duration such as 24h, not "${gracePeriod}"`);
  }
  return { intervalSeconds: seconds, gracePeriod };
}

/** `ISTHMUS_RESPONSES_RETENTION_DAYS`: how long answers of the Responses API are kept. */
function responseRetention(env: Readonly<Record<string, string | undefined>>): { retentionDays?: number } {
  const written = env.ISTHMUS_RESPONSES_RETENTION_DAYS;
  if (written === undefined || written === "") return {};
  const days = Number(written);
  if (!(days > 0)) throw new UsageError(`ISTHMUS_RESPONSES_RETENTION_DAYS must be a number above 0, not "${written}"`);
  return { retentionDays: days };
}

/** `/prefix`, or "" for none. */
function rootPathOf(written: string | undefined): string {
  const path = (written ?? "").replace(/^\/+|\/+$/g, "");
  return path === "" ? "" : `/${path}`;
}

function trustedProxies(written: string | undefined): TrustedProxies {
  try {
    return new TrustedProxies(written);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

function listen(
  options: ServeOptions,
  host: string,
  handler: (request: Request, peers: Peers) => Promise<Response>,
  shared: boolean,
): Bun.Server<SocketHandler> {
  try {
    return Bun.serve<SocketHandler>({
      hostname: host,
      port: options.port,
      reusePort: shared,
      idleTimeout: options.keepAliveSeconds,
      maxRequestBodySize: PARSER_BODY_LIMIT,
      ...(options.tls === undefined
        ? {}
        : { tls: { key: Bun.file(options.tls.key), cert: Bun.file(options.tls.cert) } }),
      async fetch(request, server) {
        // The parser's time limit is for requests that arrive; an answer may take and stream as long as it needs.
        server.timeout(request, 0);
        const response = await handler(request, server);
        return response === UPGRADED ? undefined : response;
      },
      websocket: SOCKETS,
      error: () =>
        Response.json({ error: { message: "Internal server error", type: "internal_server_error" } }, { status: 500 }),
    });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "EADDRINUSE")
      throw new UsageError(`port ${options.port} of ${host} is already in use; choose another with --port`);
    throw error;
  }
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "true", "yes", "on"].includes(value.toLowerCase());
}
