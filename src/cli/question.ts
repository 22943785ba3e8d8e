/** Asking the person at the terminal. */
import { createInterface } from 'node:readline/promises';
import { MillraceError } from '../base/errors.ts';
import type { CliContext } from './context.ts';

/**
 * True when the answer is yes. Where nobody can answer (no terminal, or `--json`) the error is `not_confirmed`.
 * @param assumed what to add to the command to answer yes beforehand
 */
export async function confirm(context: CliContext, question: string, assumed = '--yes'): Promise<boolean> {
  if (process.stdin.isTTY !== true || context.output.json) {
    throw new MillraceError('not_confirmed', 'This must be confirmed, and there is no terminal to ask on.', {
      help: `Nothing was changed. Look at the plan above and add ${assumed} to carry it out.`,
    });
  }
  using _meaning = context.interruptMeaning(
    new MillraceError('cancelled', 'Cancelled at the question; nothing was changed.', {
      help: 'Run it again to be asked again.',
    }),
  );
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // While it asks, the prompt takes Ctrl-C for itself.
    prompt.on('SIGINT', context.interrupt);
    const answer = await prompt.question(`${question} [y/N] `, { signal: context.signal });
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch (error) {
    context.signal.throwIfAborted();
    throw error;
  } finally {
    prompt.close();
  }
}
