/** `sync plan` and `sync run`: what a sync would do, and doing it. */
import { MillraceError } from '../base/errors.ts';
import { planSync, runSync, type Sync, type SyncPlan } from '../sync/sync.ts';
import { commandLine, findMapping } from '../workspace/workspace.ts';
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
  replayText,
} from './sync-report.ts';
import { facts, indent, nextSteps, paragraphs, printable } from './text.ts';

const mapping = { name: 'MAPPING', description: 'name or id of a mapping', required: true };

export const syncPlanCommand: Command = {
  name: 'sync plan',
  description: 'Say what a sync would do, and do nothing: rows, deliveries, effects on the space.',
  arguments: [mapping],
  options: [{ flags: '--replay <ID>', description: 'plan the replay of this sync of the mapping' }],
  examples: [
    'millrace sync plan customers-identify',
    'millrace sync plan customers-identify --replay syn_2mFNHhVyGWDrDsC8oK5dYnpqZ1f',
  ],
  cancellable: true,
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'MAPPING'));
    const { name } = job.mapping;
    using progress = showProgress(context.output, `Planning ${name}`);
    const replayOf = option(input, 'replay');
    const plan = await planSync(await context.sync(), job, {
      ...{ onProgress: progress.update, signal: context.signal },
      ...(replayOf !== undefined && { replayOf }),
    });
    const reasons = reasonsOf(plan.failedRows);
    const rowsPerSecond = rateOf(doneRows(plan.counts), plan.seconds);
    return {
      document: { mapping: name, changedNothing: true, ...plan, rowsPerSecond, reasons },
      text: planText(name, plan, reasons),
    };
  },
};

function planText(name: string, plan: SyncPlan, reasons: readonly Reason[]): string {
  const { guard, replay } = plan;
  const stop =
    guard?.stops === true
      ? `The guard of the mapping would stop this sync: ${guard.percent.toFixed(1)} % of the known rows would be updated or deleted, ${guard.limitPercent} % are allowed.`
      : '';
  return paragraphs(
    replay === null
      ? `A sync of ${name} would do this:`
      : `A replay of ${replay.syncId}, a sync of ${name}, would do this:`,
    indent(countsText(plan.counts, reasons, 'future', replay !== null)),
    replayText(replay, 'future'),
    plan.sendsNothing
      ? 'The mapping skips the backfill: its first sync would record every row and send nothing.'
      : stop,
    facts([
      ['effects', plannedEffectsText(plan.effects)],
      ['planned in', paceText(doneRows(plan.counts), plan.seconds)],
    ]),
    warningsText(plan.warnings),
    `Nothing was changed. Next: millrace sync run ${name}${replay === null ? '' : ` --replay ${replay.syncId}`}`,
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
    {
      flags: '--replay <ID>',
      description: 'send again the rows that this sync of the mapping delivered and no later one did, as they are now',
    },
  ],
  examples: [
    'millrace sync run customers-identify',
    'millrace sync run customers-identify --json',
    'millrace sync run customers-identify --retry-failed syn_2mFNHhVyGWDrDsC8oK5dYnpqZ1f',
    'millrace sync run customers-identify --replay syn_2mFNHhVyGWDrDsC8oK5dYnpqZ1f',
  ],
  cancellable: true,
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'MAPPING'));
    const [retryOf, replayOf] = [option(input, 'retryFailed'), option(input, 'replay')];
    if (retryOf !== undefined && replayOf !== undefined) {
      throw new MillraceError('usage', 'A sync either retries what failed or replays what was delivered, not both.');
    }
    const sync = await (async () => {
      using progress = showProgress(context.output, `Syncing ${job.mapping.name}`);
      // Awaited here: the display ends with this block.
      return await runSync(await context.sync(), job, {
        onProgress: progress.update,
        signal: context.signal,
        startedBy: commandLine,
        ...(retryOf !== undefined && { retryOf }),
        ...(replayOf !== undefined && { replayOf }),
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
  const { reason, help, counts, replay } = sync;
  const why = reason === null ? '' : `${printable(reason)}${help === null ? '' : `\n${printable(help)}`}`;
  return paragraphs(
    `Sync ${sync.id} of ${sync.mapping}: ${sync.state}.`,
    why,
    indent(countsText(counts, reasons, 'past', replay !== null)),
    replayText(replay, 'past'),
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

function nextStep({ id, state, mapping: name, counts, replay }: Sync): string {
  const show = `millrace sync show ${id} --rows`;
  const steps: (readonly [string, string])[] = [];
  if (counts.refused + counts.givenUp > 0) steps.push([`${show} failed`, 'the rows that failed, with the reasons']);
  if (counts.invalid > 0) steps.push([`${show} invalid`, 'the invalid rows']);
  if (replay !== null && replay.gone > 0) steps.push([`${show} gone`, 'the rows that are gone from the model']);
  if (state === 'cancelled') {
    const same = replay === null ? '' : ` --replay ${replay.syncId}`;
    steps.push([`millrace sync run ${name}${same}`, 'go on where it stopped']);
  }
  if (steps.length === 0 && state !== 'failed') steps.push(['millrace profile show TYPE:VALUE', 'a profile']);
  return nextSteps(steps);
}
