import packageJson from "../../package.json" with { type: "json" };
import { secretFiles } from "../config/secrets/secret-files.ts";
import { HELP, parseCommandLine, UsageError } from "./arguments.ts";
import { SUB_COMMANDS } from "./commands.ts";
import { runCheck } from "./run-check.ts";
import { serve } from "./serve.ts";
import { needsSupervisor, supervise } from "./supervise.ts";

async function main(): Promise<number | undefined> {
  const files = secretFiles(process.env);
  Object.assign(process.env, files.values);
  for (const problem of files.problems) console.error(`isthmus: ${problem}`);
  const command = parseCommandLine(process.argv.slice(2), process.env);
  switch (command.name) {
    case "version":
      console.log(`isthmus ${packageJson.version}`);
      return 0;
    case "help":
      console.log(HELP);
      return 0;
    case "check":
      return runCheck(command.file);
    case "other":
      return (await SUB_COMMANDS.get(command.command)?.load())?.run(command.args, process.env);
    case "serve":
      if (needsSupervisor(command.options, process.env)) return supervise(command.options);
      await serve(command.options, packageJson.version);
      return undefined;
  }
}

// Without `await`, which the form that has bytecode does not know outside of functions.
main().then(
  (status) => {
    if (status !== undefined) process.exit(status);
  },
  (error: unknown) => {
    console.error(`isthmus: ${error instanceof Error ? error.message : String(error)}`);
    if (!(error instanceof UsageError)) process.exit(1);
    console.error("\nisthmus --help shows what there is.");
    process.exit(2);
  },
);
