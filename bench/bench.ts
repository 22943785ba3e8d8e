/**
 * `npm run bench -- [NAME…] [--rows N] [--json]`: how fast the main job is. Each measurement runs in a process of its own,
 * beside a limit or a peer measured in the same run, on the machine it happens to have. `rate` is ours, `limitRate` the
 * limit's, `ratio` = rate / limitRate. docs/performance.md says what each means.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export interface BenchResult {
  readonly name: string;
  readonly rows: number;
  readonly seconds: number;
  readonly rate: number;
  readonly limitRate: number;
  readonly ratio: number;
  /** Of the process that did the work, with an embedded DuckDB, without the Postgres server. */
  readonly peakMemoryMB: number;
  /** Of answers, where there are any: at half of the rate, or at the pace that is named. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

const names = [
  'first-sync-duckdb',
  'first-sync-postgres',
  'resync-unchanged',
  'resync-1-percent',
  'mapping',
  'profile-api',
  'profile-page',
  'profile-api-during-sync',
  'computing',
  'config-during-sync',
  'web-first-page',
  'web-profile-page',
  'web-failed-rows',
  'tracking',
  'delivery',
] as const;

/** Measured together: the later ones need what the first leaves behind. */
const groups: readonly (readonly string[])[] = [
  [
    'first-sync-duckdb',
    'resync-unchanged',
    'resync-1-percent',
    'profile-api',
    'profile-page',
    'profile-api-during-sync',
  ],
  ['computing'],
  ['config-during-sync'],
  ['web-first-page', 'web-profile-page', 'web-failed-rows'],
  ['first-sync-postgres'],
  ['mapping'],
  ['tracking'],
  ['delivery'],
];

const { values, positionals } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const rows = Number(values.rows);
const unknown = positionals.filter((name) => !(names as readonly string[]).includes(name));
if (unknown.length > 0 || !Number.isInteger(rows) || rows < 1000) {
  process.stderr.write(`npm run bench -- [${names.join('|')}]… [--rows N, at least 1000] [--json]\n`);
  process.exit(2);
}

const wanted: readonly string[] = positionals.length === 0 ? names : positionals;
const results: BenchResult[] = [];
for (const group of groups) {
  const asked = group.filter((name) => wanted.includes(name));
  if (asked.length > 0) results.push(...(await runChild(asked)));
}
results.sort((a, b) => names.indexOf(a.name as never) - names.indexOf(b.name as never));
process.stdout.write(values.json ? `${JSON.stringify(results, null, 2)}\n` : `${results.map(lineOf).join('\n')}\n`);

/** A process for one group; what it says goes to stderr, its results come as a message. */
async function runChild(asked: readonly string[]): Promise<readonly BenchResult[]> {
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=32', fileURLToPath(new URL('./measure.js', import.meta.url)), String(rows), ...asked],
    { stdio: ['ignore', 2, 2, 'ipc'] },
  );
  let measured: readonly BenchResult[] = [];
  child.on('message', (message) => {
    measured = message as readonly BenchResult[];
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`measuring ${asked.join(', ')} ended with ${code}`);
  return measured;
}

function lineOf(result: BenchResult): string {
  const number = (value: number) => Math.round(value).toLocaleString('en-US').padStart(11);
  return `${result.name.padEnd(20)} ${number(result.rows)} rows ${result.seconds.toFixed(2).padStart(8)} s ${number(result.rate)}/s   limit ${number(result.limitRate)}/s   ratio ${result.ratio.toFixed(2).padStart(6)}   ${String(result.peakMemoryMB).padStart(5)} MB${latencyOf(result)}`;
}

function latencyOf({ p50Ms, p99Ms }: BenchResult): string {
  return p50Ms === undefined || p99Ms === undefined ? '' : `   p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}
