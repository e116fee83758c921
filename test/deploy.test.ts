import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { checkConfig } from "../src/config/check.ts";

const folder = join(import.meta.dir, "../deploy");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

const composeFiles = ["docker-compose.yml", "docker-compose.standalone.yml"];

describe.each(composeFiles)("%s", (name) => {
  const text = read(name);
  const file = parse(text, { merge: true }) as {
    services: Record<string, { image?: string; networks?: string[]; volumes?: string[]; extends?: unknown }>;
    networks: Record<string, unknown>;
    volumes: Record<string, unknown>;
  };

  test("what services use is declared", () => {
    for (const service of Object.values(file.services)) {
      expect(service.image ?? service.extends).toBeDefined();
      for (const network of service.networks ?? []) expect(Object.keys(file.networks)).toContain(network);
      for (const volume of service.volumes ?? []) {
        const source = volume.split(":")[0] as string;
        if (!source.startsWith(".") && !source.startsWith("/")) expect(Object.keys(file.volumes)).toContain(source);
      }
    }
    expect(file.networks).toMatchObject({ web: { external: true }, internal_network: { external: true } });
  });

  test("every variable is explained in .env.template", () => {
    const template = read(".env.template");
    const images = /^(POSTGRES|REDIS|TRAEFIK|ISTHMUS)_IMAGE$/;
    for (const [, variable] of text.matchAll(/\$\{([A-Z_]+)/g)) {
      if (images.test(variable as string)) continue;
      expect(template).toMatch(new RegExp(`^${variable}=`, "m"));
    }
  });
});

test("the gateway runs without rights, on a root that cannot be written, and has time to finish", () => {
  const file = parse(read("docker-compose.yml"), { merge: true }) as {
    services: Record<string, Record<string, unknown>>;
  };
  const { isthmus, doctor } = file.services;
  expect(isthmus).toMatchObject({ read_only: true, cap_drop: ["ALL"], stop_grace_period: "45s" });
  expect(isthmus?.command).toEqual(["--config", "/app/config.yaml", "--port", "4000", "--detailed_debug"]);
  // Whatever has the labels gets requests.
  expect(isthmus?.labels).toMatchObject({ "traefik.enable": "true" });
  expect(doctor?.labels).toBeUndefined();
});

test("the example configuration is in order when its keys are there", () => {
  const environment = { LITELLM_MASTER_KEY: "sk-x", OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k", GEMINI_API_KEY: "k" };
  expect(checkConfig(join(folder, "config.yml"), environment)).toMatchObject({ exitCode: 0 });
});

test("the Dockerfile: a user without rights, a stop signal, a health check, bases that can be replaced", () => {
  const lines = read("Dockerfile").split("\n");
  const instructions = lines.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split(" ")[0]);
  const known = ["ARG", "FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "VOLUME", "USER", "EXPOSE", "STOPSIGNAL"];
  for (const instruction of instructions)
    expect([...known, "HEALTHCHECK", "ENTRYPOINT"]).toContain(instruction as string);
  for (const must of ["USER 65532:65532", "STOPSIGNAL SIGTERM"]) expect(lines).toContain(must);
  const bases = lines.filter((line) => line.startsWith("FROM ")).map((line) => /\$\{(\w+)\}/.exec(line)?.[1]);
  expect(bases).toEqual(["BUILD_IMAGE", "BASE_IMAGE"]);
  expect(read("Dockerfile")).toContain('CMD ["/app/isthmus", "health"]');
});

test("the unit: sections and keys that systemd knows, time to finish longer than the drain", () => {
  const sections = [...read("systemd/isthmus.service").matchAll(/^\[(\w+)\]$/gm)].map(([, name]) => name);
  expect(sections).toEqual(["Unit", "Service", "Install"]);
  const settings = new Map(
    [...read("systemd/isthmus.service").matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
  expect(Number(settings.get("TimeoutStopSec"))).toBeGreaterThan(30);
  expect(settings.get("ExecStart")).toStartWith("/usr/local/bin/isthmus ");
});

describe("the chart", () => {
  const chart = join(folder, "helm/isthmus");
  const templates = readdirSync(join(chart, "templates")).filter((name) => name.endsWith(".yaml"));

  test("what templates read is in values.yaml", () => {
    const values = parse(readFileSync(join(chart, "values.yaml"), "utf8")) as Record<string, unknown>;
    for (const name of [...templates, "_helpers.tpl", "NOTES.txt"]) {
      const text = readFileSync(join(chart, "templates", name), "utf8");
      for (const [, path] of text.matchAll(/\.Values\.([\w.]+)/g)) {
        let at: unknown = values;
        for (const step of (path as string).split(".")) {
          expect(at, `${name}: .Values.${path}`).toHaveProperty(step);
          at = (at as Record<string, unknown>)[step];
        }
      }
      const opened = [...text.matchAll(/\{\{-?\s*(?:if|with|range|define)\b/g)].length;
      expect([...text.matchAll(/\{\{-?\s*end\b/g)].length, name).toBe(opened);
    }
  });

  test("every helper that is included is defined", () => {
    const helpers = readFileSync(join(chart, "templates/_helpers.tpl"), "utf8");
    for (const name of templates) {
      const text = readFileSync(join(chart, "templates", name), "utf8");
      for (const [, helper] of text.matchAll(/include "([\w.]+)"/g)) expect(helpers).toContain(`define "${helper}"`);
    }
  });

  test("its plain files are YAML", () => {
    for (const name of ["Chart.yaml", "values.yaml"]) {
      for (const document of parseAllDocuments(readFileSync(join(chart, name), "utf8")))
        expect(document.errors).toEqual([]);
    }
  });
});
