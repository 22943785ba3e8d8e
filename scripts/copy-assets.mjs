// Copies what tsc does not, into the built package (or the folder that is named): the SQL migrations, and package.json
// beside a folder that is not the package's own; and makes the command executable.
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';

const folder = process.argv[2] ?? 'dist';
// A file that was renamed must not stay under its old name.
rmSync(`${folder}/db/migrations`, { recursive: true, force: true });
cpSync('src/db/migrations', `${folder}/db/migrations`, { recursive: true });
if (folder !== 'dist') cpSync('package.json', `${folder}/../package.json`);
if (existsSync(`${folder}/cli/main.js`)) chmodSync(`${folder}/cli/main.js`, 0o755);
