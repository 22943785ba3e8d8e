/**
 * How fast mappings run. In: how many payloads to make. Out: our payloads per second beside those of the vendor's
 * interpreter, on the same mapping and the same events, by turns in one run (medians). Outputs are compared first.
 */
import { createRequire } from 'node:module';
import type { JsonObject } from '../src/base/json.ts';
import { changeEvents, compileMapping, type Directives } from '../src/mapping/mapping.ts';

export interface MappingResult {
  readonly name: 'mapping';
  readonly rows: number;
  readonly seconds: number;
  /** Payloads per second. */
  readonly rate: number;
  /** Of the vendor's interpreter. */
  readonly limitRate: number;
  readonly ratio: number;
  readonly peakMemoryMB: number;
}

type Run = (event: JsonObject) => unknown;

const column = (name: string) => ({ '@path': `$.properties.${name}` });
const traitColumns = ['email', 'first_name', 'last_name', 'plan', 'country', 'orders', 'lifetime_value', 'active'];

/** A usual Identify mapping: ids, eight traits by path, one by template, and the defaults. */
const mapping: Directives = {
  engage_space: 'write-key',
  user_id: column('id'),
  anonymous_id: column('device_id'),
  group_id: column('company_id'),
  traits: {
    ...Object.fromEntries(traitColumns.map((name) => [name, column(name)])),
    name: { '@template': '{{properties.first_name}} {{properties.last_name}}' },
  },
  timestamp: { '@path': '$.timestamp' },
  message_id: { '@path': '$.messageId' },
  consent: { '@path': '$.context.consent' },
};

function makeEvents(count: number): JsonObject[] {
  const names = ['id', 'device_id', 'company_id', ...traitColumns];
  const columns = names.map((name) => ({ name, type: 'string' as const, nativeType: 'VARCHAR' }));
  const eventOf = changeEvents(columns, { mappingId: 'bench', epoch: 1, identifierColumn: 'id', at: new Date() });
  return Array.from({ length: count }, (_item, index) =>
    eventOf({
      kind: 'new',
      recordId: `user-${index}`,
      checksum: index.toString(16).padStart(32, '0'),
      revision: 0,
      deliveredBy: null,
      row: [
        ...[`user-${index}`, `device-${index}`, `company-${index % 400}`, `user-${index}@example.org`, `Ann ${index}`],
        ...['Jansen', index % 3 === 0 ? null : 'pro', 'NL', index % 50, index / 7, index % 2 === 0],
      ],
    }),
  );
}

/** Runs `count` payloads, over the events again and again; gives payloads per second. */
function rateOf(run: Run, events: readonly JsonObject[], count: number): number {
  const start = performance.now();
  let kept: unknown;
  for (let index = 0; index < count; index++) kept = run(events[index % events.length] as JsonObject);
  if (kept === undefined) throw new Error('nothing was mapped');
  return (count / (performance.now() - start)) * 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

const rounds = 5;
/** The interpreter gets a share of the payloads; its rate does not depend on how many. */
const referenceShare = 40;

/** `rows` payloads of ours in all. */
export async function mappingBench(rows: number): Promise<MappingResult> {
  const core = createRequire(import.meta.url)('@segment/actions-core') as {
    transform(mapping: Directives, event: JsonObject): unknown;
  };
  const events = makeEvents(Math.min(rows, 10_000));
  const ours = compileMapping(mapping);
  const reference: Run = (event) => core.transform(mapping, event);
  for (const event of events.slice(0, 200)) {
    if (JSON.stringify(ours(event)) !== JSON.stringify(reference(event))) throw new Error('the outputs differ');
  }
  const perRound = Math.max(1, Math.ceil(rows / rounds));
  const forReference = Math.max(2_000, Math.ceil(perRound / referenceShare));
  const start = performance.now();
  const rates: number[] = [];
  const limits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    limits.push(rateOf(reference, events, forReference));
    rates.push(rateOf(ours, events, perRound));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rate = median(rates);
  const limitRate = median(limits);
  return {
    name: 'mapping',
    rows: perRound * rounds,
    seconds: (performance.now() - start) / 1000,
    rate,
    limitRate,
    ratio: rate / limitRate,
    peakMemoryMB: process.resourceUsage().maxRSS / 1024,
  };
}
