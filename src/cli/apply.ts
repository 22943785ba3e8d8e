/** `apply FILE`: what the file would change, a question, and the change. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import { createSpaceReader, type SpaceReader } from '../space/space.ts';
import { excludeSyncs, forgetMapping } from '../sync/sync.ts';
import {
  type Applied,
  type ApplyPlan,
  listTokens,
  parseWorkspaceFile,
  planApply,
  runApply,
  type WorkspaceFile,
} from '../workspace/workspace.ts';
import { planText, planTotals } from './apply-plan.ts';
import { argument, type Command, flag, type Report } from './command.ts';
import type { CliContext } from './context.ts';
import { confirm } from './question.ts';
import { nextSteps, paragraphs } from './text.ts';
import { configuredChecks } from './workspace-checks.ts';

export const applyCommand: Command = {
  name: 'apply',
  description: 'Make the workspace what a file says: show what changes, ask, and change it.',
  arguments: [{ name: 'FILE', description: 'a YAML file; docs/workspace-file.md explains every key', required: true }],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['millrace apply shop.yaml', 'CRM_PASSWORD=… millrace apply shop.yaml --yes --json'],
  async run(context, input) {
    const fileName = argument(input, 'FILE');
    const file = await readWorkspaceFile(context, fileName);
    const reader = createSpaceReader({ db: await context.database() });
    const plan = await planApply(await context.store(), file, {
      spaceHasProfiles: (_, spaceNo) => hasProfiles(reader, spaceNo),
      excludeSyncs,
    });
    if (plan.changesNothing) return nothingToDo(fileName, plan);
    context.output.say(planText(plan));
    if (!flag(input, 'yes') && !(await confirm(context, '\nApply these changes?'))) {
      throw new MillraceError('not_confirmed', 'You did not say yes; nothing was changed.', {
        help: 'Answer y to apply.',
      });
    }
    return carryOut(context, fileName, plan);
  },
};

async function readWorkspaceFile({ env, config }: CliContext, fileName: string): Promise<WorkspaceFile> {
  let text: string;
  try {
    text = await readFile(fileName, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'permission denied',
      EISDIR: 'it is a folder',
    };
    throw new MillraceError('file_unreadable', `${fileName} cannot be read: ${reasons[code ?? ''] ?? code}.`);
  }
  const baseFolder = path.dirname(path.resolve(fileName));
  const dataFolder = path.resolve(config.dataFolder);
  return parseWorkspaceFile(text, { fileName, env, baseFolder, dataFolder, checks: configuredChecks(config) });
}

function documentOf(file: string, plan: ApplyPlan) {
  const { created, changed, removed } = planTotals(plan);
  const resets = plan.resets.map(({ mapping, reason }) => ({ mapping, reason }));
  return { file, applied: false, created, changed, removed, entries: plan.entries, resets, warnings: [] };
}

function nothingToDo(fileName: string, plan: ApplyPlan): Report {
  const text = paragraphs(
    planText(plan, { unchanged: false }),
    `The workspace is already as ${fileName} says; nothing was changed.`,
  );
  return { document: documentOf(fileName, plan), text };
}

async function carryOut(context: CliContext, fileName: string, plan: ApplyPlan): Promise<Report> {
  const db = await context.database();
  const applied = await runApply({ db, secrets: (await context.store()).secrets }, plan);
  const warnings = await dropStates(context, applied);
  const { created, changed, removed } = applied;
  const text = paragraphs(
    `Applied ${fileName}: ${created} created, ${changed} changed, ${removed} removed.`,
    warnings.map((warning) => `Warning: ${warning}`).join('\n'),
    await stepsAfter(context, plan),
  );
  return { document: { ...documentOf(fileName, plan), applied: true, created, changed, removed, warnings }, text };
}

/** Whether anybody is in a space. */
export async function hasProfiles(reader: SpaceReader, spaceNo: number): Promise<boolean> {
  const pages = await Promise.all([reader.list(spaceNo, 'users', 1), reader.list(spaceNo, 'accounts', 1)]);
  return pages.some(({ items }) => items.length > 0);
}

/** What is remembered of mappings that are gone or begin anew; a warehouse that cannot be reached keeps it. */
async function dropStates(context: CliContext, applied: Applied): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const { mappingId, mapping } of [...applied.resets, ...applied.removedMappings]) {
    try {
      await forgetMapping(await context.sync(), applied.formerly(mappingId));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      warnings.push(
        `What mapping ${mapping} had delivered is forgotten, but its table stays in the warehouse: ${error.message}`,
      );
    }
  }
  return warnings;
}

async function stepsAfter(context: CliContext, { entries }: ApplyPlan): Promise<string> {
  const there = (kind: string, ...actions: readonly string[]) =>
    entries.find((entry) => entry.kind === kind && actions.includes(entry.action))?.name;
  const steps: (readonly [string, string])[] = [];
  const mapping = there('mapping', 'create', 'change') ?? there('mapping', 'same');
  if (mapping !== undefined) {
    steps.push([`millrace sync plan ${mapping}`, 'what a sync would do']);
    steps.push([`millrace sync run ${mapping}`, 'do it']);
  }
  const stream = there('event stream', 'create');
  if (stream !== undefined) {
    steps.push([`millrace event-stream show ${stream}`, 'its write key, and how to send a message']);
  }
  const space = there('space', 'create');
  const tokens = space === undefined ? [] : await listTokens((await context.database()).pool);
  if (space !== undefined && tokens.every(({ spaceId }) => spaceId === null)) {
    steps.push([`millrace token create --space ${space} NAME`, 'a token for the Profile API']);
  }
  return nextSteps(steps);
}
