import { databaseLocation } from "../../store/database-location.ts";
import { decideMasterKey } from "../master-key.ts";
import { type Examination, type Finding, findingsOf } from "./finding.ts";

const { ok, warning, problem } = findingsOf("environment");

/** The variables that the deployment stands on. */
export function checkEnvironment(examination: Examination): Finding[] {
  return [...masterKey(examination), ...saltKey(examination), ...baseDomain(examination)];
}

function masterKey({ environment, dataDir }: Examination): Finding[] {
  const configured = environment.LITELLM_MASTER_KEY || environment.ISTHMUS_MASTER_KEY;
  if (configured === undefined || configured === "") {
    return [
      warning("master_key_unset", "LITELLM_MASTER_KEY is not set", {
        why: "unless the configuration names one, a key is made and kept in the data folder; instances with folders of their own then have keys of their own",
        fix: 'echo "LITELLM_MASTER_KEY=sk-$(openssl rand -hex 24)" >> .env',
      }),
    ];
  }
  const decision = decideMasterKey({ configured, permitWeak: false, loopback: false, dataDir });
  if (decision.kind === "refuse") {
    return [
      problem("master_key_weak", "LITELLM_MASTER_KEY is a publicly known default", {
        why: "the gateway refuses to start with it: anybody could administer it",
        fix: "set it to sk- and the output of: openssl rand -hex 24",
      }),
    ];
  }
  if (!configured.startsWith("sk-")) {
    return [
      warning("master_key_form", "LITELLM_MASTER_KEY does not begin with sk-", {
        why: "some clients refuse a key of another form",
        fix: "put sk- in front of it",
      }),
    ];
  }
  return [ok("master_key", "LITELLM_MASTER_KEY is set")];
}

function saltKey({ environment, dataDir }: Examination): Finding[] {
  if ((environment.LITELLM_SALT_KEY || environment.ISTHMUS_SALT_KEY || "") !== "") {
    return [ok("salt_key", "LITELLM_SALT_KEY is set")];
  }
  if (!("url" in databaseLocation(environment, {}, dataDir))) return [];
  return [
    warning("salt_key_unset", "LITELLM_SALT_KEY is not set", {
      why: "it encrypts the credentials that the database keeps; instances must agree on it, and it may never change",
      fix: 'echo "LITELLM_SALT_KEY=$(openssl rand -hex 32)" >> .env',
    }),
  ];
}

const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

function baseDomain({ environment }: Examination): Finding[] {
  const domain = environment.BASE_DOMAIN;
  if (domain === undefined || domain === "") return [];
  if (DOMAIN.test(domain)) return [ok("base_domain", `BASE_DOMAIN is ${domain}`)];
  return [
    problem("base_domain_form", `BASE_DOMAIN is ${JSON.stringify(domain)}, which is not the name of a domain`, {
      why: "the rule of Traefik's router is made from it and then matches no request",
      fix: "write the bare name, without https:// and without a path: BASE_DOMAIN=example.com",
    }),
  ];
}
