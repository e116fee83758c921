import { lookup } from "node:dns/promises";
import { request } from "node:https";
import { networkInterfaces } from "node:os";
import { checkServerIdentity, connect, type PeerCertificate } from "node:tls";
import { type Examination, type Finding, findingsOf } from "./finding.ts";

const { ok, warning, problem, skipped } = findingsOf("public address");

const SOON_DAYS = 14;
const DAY_MS = 86_400_000;
const MOST_CLOCK_SKEW_MS = 60_000;
/** The name in the certificate that Traefik shows while it has none of its own. */
const TRAEFIK_DEFAULT = "TRAEFIK DEFAULT CERT";

/** DNS and TLS of the public address, and whether Traefik leads from there to the gateway. */
export async function checkPublicAddress(examination: Examination): Promise<Finding[]> {
  const { publicUrl, offline } = examination;
  if (publicUrl === undefined) {
    return [skipped("public_address", "BASE_DOMAIN is not set, so there is no public address to try")];
  }
  if (offline) return [skipped("public_address", `--offline: ${publicUrl.origin} was not tried`)];
  const dns = await resolve(examination, publicUrl);
  if (dns.failed) return dns.findings;
  const tls = await certificate(examination, publicUrl);
  if (tls.failed) return [...dns.findings, ...tls.findings];
  return [...dns.findings, ...tls.findings, ...(await route(examination, publicUrl))];
}

interface Step {
  readonly findings: Finding[];
  /** Nothing behind this step can work. */
  readonly failed: boolean;
}

async function resolve({ environment }: Examination, url: URL): Promise<Step> {
  let addresses: string[];
  try {
    addresses = (await lookup(url.hostname, { all: true })).map(({ address }) => address);
  } catch (error) {
    return {
      failed: true,
      findings: [
        problem("dns_missing", `${url.hostname} has no address: ${(error as { code?: string }).code ?? error}`, {
          why: "no client finds the gateway",
          fix: `add a DNS record for ${url.hostname} with this host's public address, or correct BASE_DOMAIN`,
        }),
      ],
    };
  }
  const shown = addresses.join(", ");
  const expected = (environment.ISTHMUS_PUBLIC_ADDRESS ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  const own = expected.length > 0 ? expected : ownAddresses();
  if (addresses.some((address) => own.includes(address))) {
    return { failed: false, findings: [ok("dns", `${url.hostname} is ${shown}`)] };
  }
  if (expected.length > 0) {
    return {
      failed: false,
      findings: [
        problem("dns_elsewhere", `${url.hostname} is ${shown}, not ${expected.join(" or ")} (ISTHMUS_PUBLIC_ADDRESS)`, {
          why: "clients reach another machine",
          fix: `correct the DNS record of ${url.hostname}`,
        }),
      ],
    };
  }
  // Behind a router or inside a container the public address is none of the machine's own: what answers there decides.
  return { failed: false, findings: [ok("dns", `${url.hostname} is ${shown} (no address of this machine itself)`)] };
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

async function certificate({ patienceMs, environment }: Examination, url: URL): Promise<Step> {
  const port = Number(url.port || 443);
  let seen: { readonly certificate: PeerCertificate; readonly refused: string | undefined };
  try {
    seen = await peerCertificate(url.hostname, port, patienceMs);
  } catch (error) {
    const reason = (error as { code?: string }).code ?? (error instanceof Error ? error.message : String(error));
    return {
      failed: true,
      findings: [
        problem("tls_unreachable", `${url.hostname}:${port} accepts no TLS connection: ${reason}`, {
          why: "the DNS record leads to another machine, or Traefik does not listen there",
          fix: "look at Traefik's log (docker logs traefik) and at its entry point websecure",
        }),
      ],
    };
  }
  const findings = certificateFindings(seen.certificate, seen.refused, url.hostname, environment);
  return { failed: false, findings };
}

function peerCertificate(
  host: string,
  port: number,
  patienceMs: number,
): Promise<{ certificate: PeerCertificate; refused: string | undefined }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: host, rejectUnauthorized: false, timeout: patienceMs });
    socket.once("secureConnect", () => {
      const found = socket.getPeerCertificate();
      const refused = socket.authorized ? undefined : String(socket.authorizationError ?? "not trusted");
      socket.destroy();
      resolve({ certificate: found, refused });
    });
    socket.once("timeout", () => {
      socket.destroy();
      reject(new Error(`no answer within ${patienceMs / 1000} s`));
    });
    socket.once("error", reject);
  });
}

function certificateFindings(
  found: PeerCertificate,
  refused: string | undefined,
  host: string,
  environment: Examination["environment"],
): Finding[] {
  const why = "clients refuse the connection";
  const until = Date.parse(found.valid_to);
  const from = Date.parse(found.valid_from);
  const now = Date.now();
  if (found.subject?.CN === TRAEFIK_DEFAULT) {
    return [
      problem("tls_default", "Traefik shows its own default certificate", {
        why: `${why}: no resolver got one for ${host}`,
        fix: `look for acme errors in Traefik's log, and set TRAEFIK_CERT_RESOLVER (now ${environment.TRAEFIK_CERT_RESOLVER || "letsencrypt"}) to a resolver that it has`,
      }),
    ];
  }
  if (until < now) {
    return [
      problem("tls_expired", `the certificate of ${host} expired on ${found.valid_to}`, {
        why,
        fix: "look for acme errors in Traefik's log; it renews certificates 30 days before they expire",
      }),
    ];
  }
  if (from > now) {
    return [
      problem("tls_not_yet", `the certificate of ${host} is valid from ${found.valid_from} only`, {
        why,
        fix: "look at this machine's clock: timedatectl",
      }),
    ];
  }
  const misnamed = checkServerIdentity(host, found);
  if (misnamed !== undefined) {
    return [
      problem("tls_name", `the certificate is for another name: ${found.subjectaltname ?? found.subject?.CN}`, {
        why,
        fix: `let Traefik get one for ${host}, or correct BASE_DOMAIN`,
      }),
    ];
  }
  if (refused !== undefined) {
    return [
      warning("tls_untrusted", `the certificate is not trusted here: ${refused}`, {
        why: "clients that do not know its authority refuse the connection",
        fix: "use a public authority, or give clients yours; NODE_EXTRA_CA_CERTS=FILE makes this look trust it",
      }),
    ];
  }
  const days = Math.floor((until - now) / DAY_MS);
  if (days < SOON_DAYS) {
    return [
      warning("tls_soon", `the certificate of ${host} expires in ${days} days`, {
        why: "Traefik should have renewed it by now",
        fix: "look for acme errors in Traefik's log",
      }),
    ];
  }
  return [ok("tls", `the certificate of ${host} is good for ${days} days`)];
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly date: string | undefined;
}

function get(url: URL, patienceMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { rejectUnauthorized: false, timeout: patienceMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString().slice(0, 200),
          date: response.headers.date,
        }),
      );
      response.on("error", reject);
    });
    call.once("timeout", () => call.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    call.once("error", reject);
    call.end();
  });
}

async function route({ patienceMs, environment }: Examination, url: URL): Promise<Finding[]> {
  const path = `${url.pathname.replace(/\/+$/, "")}/health/liveliness`;
  let answer: Answer;
  try {
    answer = await get(new URL(path, url), patienceMs);
  } catch (error) {
    return [
      problem("route_failed", `${url.origin} does not answer: ${error instanceof Error ? error.message : error}`, {
        why: "clients get nothing",
        fix: "look at Traefik's log: docker logs traefik",
      }),
    ];
  }
  return [routeFinding(answer, url, environment), ...clock(answer)];
}

function routeFinding({ status, text }: Answer, url: URL, environment: Examination["environment"]): Finding {
  if (status === 200 && text.includes("I'm alive!")) return ok("route", `${url.origin} leads to the gateway`);
  if (status === 404 && text.startsWith("404 page not found")) {
    return problem("route_missing", `Traefik knows no router for ${url.hostname}`, {
      why: "clients get 404",
      fix: `the label must say traefik.http.routers.isthmus.rule=Host(\`${url.hostname}\`), with traefik.enable=true; BASE_DOMAIN is ${environment.BASE_DOMAIN || "not set"}`,
    });
  }
  if (status === 502 || status === 504) {
    return problem("route_network", `Traefik does not reach the gateway (status ${status})`, {
      why: "clients get an error",
      fix: "both must be on the network web, and traefik.docker.network must name it: docker network connect web CONTAINER",
    });
  }
  if (status === 503) {
    return problem("route_unhealthy", "Traefik has no healthy instance of the gateway (status 503)", {
      why: "clients get an error",
      fix: "look at the gateway's log (make logs), and at GET /health/readiness",
    });
  }
  return problem(
    "dns_elsewhere",
    `something else answers at ${url.origin} (status ${status}, ${JSON.stringify(text.slice(0, 60))})`,
    {
      why: "the DNS record leads to another machine or another service",
      fix: `correct the DNS record of ${url.hostname}, or BASE_DOMAIN`,
    },
  );
}

function clock({ date }: Answer): Finding[] {
  const skew = date === undefined ? 0 : Math.abs(Date.parse(date) - Date.now());
  if (skew <= MOST_CLOCK_SKEW_MS) return [];
  return [
    warning("clock", `this machine's clock and that of the public address differ by ${Math.round(skew / 1000)} s`, {
      why: "signatures for AWS and Google, tokens and budgets go by the clock",
      fix: "timedatectl set-ntp true",
    }),
  ];
}
