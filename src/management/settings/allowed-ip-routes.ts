import { z } from "zod";
import { ALLOWED_IPS_SETTING } from "../../auth/allowed-addresses.ts";
import { parseNetwork } from "../../config/ip-networks.ts";
import { readSetting, writeSetting } from "../../store/objects/settings.ts";
import { type Actor, change } from "../change.ts";
import type { Management } from "../management.ts";
import { badRequest, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";

const TAG = "Budget & Spend Tracking";
const body = z.object({
  ip: z
    .string()
    .max(64)
    .refine((text) => parseNetwork(text) !== undefined, "This is no IP address and no network such as 10.0.0.0/8"),
});

export const allowedIpRoutes: readonly ManagementRoute[] = [
  route({
    method: "GET",
    path: "/get/allowed_ips",
    permission: "view",
    tag: TAG,
    summary: "The addresses that may call; an empty list allows all",
    handle: async ({ management }) => ({ data: [...declared(management), ...(await stored(management))] }),
  }),
  route({
    method: "POST",
    path: "/add/allowed_ip",
    permission: "admin",
    tag: TAG,
    summary: "Allow an address or a network; once one is allowed, others are refused",
    body,
    handle: async ({ body: { ip }, ...actor }) => {
      if (declared(actor.management).includes(ip)) throw badRequest("IP address already exists", "ip");
      await rewrite(actor, (before) => {
        if (before.includes(ip)) throw badRequest("IP address already exists", "ip");
        return [...before, ip];
      });
      return { message: `IP ${ip} address added successfully`, status: "success" };
    },
  }),
  route({
    method: "POST",
    path: "/delete/allowed_ip",
    permission: "admin",
    tag: TAG,
    summary: "Allow an address no more; when none is left, all may call again",
    body,
    handle: async ({ body: { ip }, ...actor }) => {
      if (declared(actor.management).includes(ip)) {
        throw refused(
          400,
          `${ip} is in general_settings.allowed_ips of the configuration: it can only be removed there`,
        );
      }
      await rewrite(actor, (before) => {
        if (!before.includes(ip)) throw refused(404, `IP address not found, passed ip=${ip}`);
        return before.filter((one) => one !== ip);
      });
      return { message: `IP ${ip} deleted successfully`, status: "success" };
    },
  }),
];

function declared(management: Management): readonly string[] {
  return texts(management.snapshot().general.raw.allowed_ips);
}

async function stored(management: Management): Promise<readonly string[]> {
  return texts(await readSetting(management.database.kysely, ALLOWED_IPS_SETTING));
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

async function rewrite(actor: Actor, next: (before: readonly string[]) => readonly string[]): Promise<void> {
  await change(actor, async ({ connection, now, by, record }) => {
    const before = texts(await readSetting(connection, ALLOWED_IPS_SETTING));
    const after = next(before);
    await writeSetting(connection, { name: ALLOWED_IPS_SETTING, value: [...after], at: now, by });
    await record("setting", "updated", ALLOWED_IPS_SETTING, { allowed_ips: before }, { allowed_ips: after });
  });
}
