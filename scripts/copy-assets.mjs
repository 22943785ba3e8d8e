// Copies what tsc does not: the SQL migrations, into the built package; and makes the command executable.
import { chmodSync, cpSync, existsSync } from 'node:fs';

cpSync('src/db/migrations', 'dist/db/migrations', { recursive: true });
if (existsSync('dist/cli/main.js')) chmodSync('dist/cli/main.js', 0o755);
