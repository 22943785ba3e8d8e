// Copies what tsc does not: the SQL migrations, into the built package (or the folder that is named); and makes the
// command executable.
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';

const folder = process.argv[2] ?? 'dist';
// A file that was renamed must not stay under its old name.
rmSync(`${folder}/db/migrations`, { recursive: true, force: true });
cpSync('src/db/migrations', `${folder}/db/migrations`, { recursive: true });
if (existsSync(`${folder}/cli/main.js`)) chmodSync(`${folder}/cli/main.js`, 0o755);
