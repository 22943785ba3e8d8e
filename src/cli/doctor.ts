/** `doctor`: looks at everything Millrace needs, and says what to do about what is wrong. */

import { counted } from '../base/count.ts';
import type { Command } from './command.ts';
import type { CliContext } from './context.ts';
import { type Check, type Finding, localChecks } from './doctor-checks.ts';
import { databaseChecks } from './doctor-database.ts';
import { sourceChecks } from './doctor-sources.ts';
import { exitCodes } from './exit-codes.ts';
import { errorDocument } from './output.ts';
import { indent, paragraphs, printable, printableLines, table } from './text.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  description: 'Check everything Millrace needs: Node, folder, Postgres, warehouses, port, clock; say what to do.',
  arguments: [],
  options: [],
  examples: ['millrace doctor', 'millrace doctor --json'],
  async run(context) {
    const findings: Finding[] = [];
    const look = async (checks: readonly Check[]) => {
      for (const check of checks) findings.push(await carryOut(check, context, findings));
    };
    await look([...localChecks, ...databaseChecks]);
    if (wentWell('secrets', findings)) await look(await sourceChecks(context));
    const problems = findings.filter(({ status }) => status === 'problem').length;
    return {
      document: { healthy: problems === 0, problems, checks: findings },
      text: paragraphs(findingsText(findings), verdict(problems)),
      exit: problems === 0 ? exitCodes.ok : exitCodes.failures,
    };
  },
};

function wentWell(name: string, findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.name === name && finding.status === 'ok');
}

async function carryOut(check: Check, context: CliContext, before: readonly Finding[]): Promise<Finding> {
  const { name } = check;
  const missing = check.needs?.find((one) => !wentWell(one, before));
  if (missing !== undefined) return { name, status: 'skipped', message: `not looked at, see ${missing}`, help: '' };
  try {
    return { name, status: 'ok', help: '', ...(await check.look(context)) };
  } catch (error) {
    const { message, help, faults } = errorDocument(error);
    const list = faults.filter((fault) => !message.includes(fault.message));
    const what = [message, ...list.map((fault) => `${fault.where}: ${fault.message}`)].join('\n');
    return { name, status: 'problem', message: what, help };
  }
}

const marks = { ok: 'ok', problem: 'WRONG', skipped: '-' } as const;

function findingsText(findings: readonly Finding[]): string {
  const [names, width] = [findings.map(({ name }) => printable(name)), 5];
  const widest = Math.max(...names.map((name) => name.length));
  const lines = findings.map(({ name, status, message, help }) => {
    const [first = '', ...rest] = printableLines(message).split('\n');
    const head = table(
      [{ title: '' }, { title: '' }, { title: '' }],
      [[marks[status].padEnd(width, ' '), name.padEnd(widest), first]],
    );
    const more = [...rest, ...(help === '' ? [] : [`→ ${printableLines(help)}`])].join('\n');
    return more === '' ? head : `${head}\n${indent(more, ' '.repeat(width + widest + 4))}`;
  });
  return lines.join('\n');
}

function verdict(problems: number): string {
  return problems === 0 ? 'Everything is as it should be.' : `${counted(problems, 'thing is', 'things are')} wrong.`;
}
