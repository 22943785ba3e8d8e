/** `sync plan` and `sync run`: what a sync would do, and doing it. */
import { planSync, runSync, type Sync, type SyncPlan } from '../sync/sync.ts';
import { findMapping } from '../workspace/workspace.ts';
import { argument, type Command, option, type Report } from './command.ts';
import { showProgress } from './progress.ts';
import { exitOf, failureReasons, secondsOf, syncDocument } from './sync-document.ts';
import {
  countsText,
  doneRows,
  effectsText,
  paceText,
  plannedEffectsText,
  type Reason,
  rateOf,
  reasonsOf,
} from './sync-report.ts';
import { facts, indent, nextSteps, paragraphs, printable } from './text.ts';

const mapping = { name: 'MAPPING', description: 'name or id of a mapping', required: true };

export const syncPlanCommand: Command = {
  name: 'sync plan',
  description: 'Say what a sync would do, and do nothing: rows, deliveries, effects on the space.',
  arguments: [mapping],
  options: [],
  examples: ['millrace sync plan customers-identify'],
  cancellable: true,
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'MAPPING'));
    const { name } = job.mapping;
    using progress = showProgress(context.output, `Planning ${name}`);
    const plan = await planSync(await context.sync(), job, { onProgress: progress.update, signal: context.signal });
    const reasons = reasonsOf(plan.failedRows);
    const rowsPerSecond = rateOf(doneRows(plan.counts), plan.seconds);
    return {
      document: { mapping: name, changedNothing: true, ...plan, rowsPerSecond, reasons },
      text: planText(name, plan, reasons),
    };
  },
};

function planText(name: string, plan: SyncPlan, reasons: readonly Reason[]): string {
  const { guard } = plan;
  const stop =
    guard?.stops === true
      ? `The guard of the mapping would stop this sync: ${guard.percent.toFixed(1)} % of the known rows would be updated or deleted, ${guard.limitPercent} % are allowed.`
      : '';
  return paragraphs(
    `A sync of ${name} would do this:`,
    indent(countsText(plan.counts, reasons, 'future')),
    plan.sendsNothing
      ? 'The mapping skips the backfill: its first sync would record every row and send nothing.'
      : stop,
    facts([
      ['effects', plannedEffectsText(plan.effects)],
      ['planned in', paceText(doneRows(plan.counts), plan.seconds)],
    ]),
    warningsText(plan.warnings),
    `Nothing was changed. Next: millrace sync run ${name}`,
  );
}

export const syncRunCommand: Command = {
  name: 'sync run',
  description: 'Run a sync of a mapping: deliver what changed since the last one. Ctrl-C cancels it cleanly.',
  arguments: [mapping],
  options: [
    {
      flags: '--retry-failed <ID>',
      description: 'send only the rows that failed in this sync of the mapping, as they are now, also given up ones',
    },
  ],
  examples: [
    'millrace sync run customers-identify',
    'millrace sync run customers-identify --json',
    'millrace sync run customers-identify --retry-failed syn_2mFNHhVyGWDrDsC8oK5dYnpqZ1f',
  ],
  cancellable: true,
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'MAPPING'));
    const retryOf = option(input, 'retryFailed');
    const sync = await (async () => {
      using progress = showProgress(context.output, `Syncing ${job.mapping.name}`);
      // Awaited here: the display ends with this block.
      return await runSync(await context.sync(), job, {
        onProgress: progress.update,
        signal: context.signal,
        ...(retryOf !== undefined && { retryOf }),
      });
    })();
    const reasons = await failureReasons(await context.database(), sync);
    return syncReport(sync, reasons, context.clock.now(), nextStep(sync));
  },
};

export function syncReport(sync: Sync, reasons: readonly Reason[], now: Date, next: string): Report {
  return {
    document: { sync: syncDocument(sync, now), reasons },
    text: paragraphs(syncText(sync, reasons, now), next),
    exit: exitOf(sync),
  };
}

export function syncText(sync: Sync, reasons: readonly Reason[], now: Date): string {
  const { reason, help, counts } = sync;
  const why = reason === null ? '' : `${printable(reason)}${help === null ? '' : `\n${printable(help)}`}`;
  return paragraphs(
    `Sync ${sync.id} of ${sync.mapping}: ${sync.state}.`,
    why,
    indent(countsText(counts, reasons, 'past')),
    facts([
      ['effects', effectsText(sync.effects, 'past')],
      ['took', paceText(doneRows(counts), secondsOf(sync, now))],
    ]),
    warningsText(sync.warnings),
  );
}

function warningsText(warnings: readonly string[]): string {
  return warnings.map((warning) => `Warning: ${printable(warning)}`).join('\n');
}

function nextStep({ id, state, mapping: name, counts }: Sync): string {
  const show = `millrace sync show ${id} --rows`;
  const steps: (readonly [string, string])[] = [];
  if (counts.refused + counts.givenUp > 0) steps.push([`${show} failed`, 'the rows that failed, with the reasons']);
  if (counts.invalid > 0) steps.push([`${show} invalid`, 'the invalid rows']);
  if (state === 'cancelled') steps.push([`millrace sync run ${name}`, 'go on where it stopped']);
  if (steps.length === 0 && state !== 'failed') steps.push(['millrace profile show TYPE:VALUE', 'a profile']);
  return nextSteps(steps);
}
