/** One call of the command line, from the words to the exit code. */
import { processEnvironment } from '../base/config.ts';
import { isMillraceError } from '../base/errors.ts';
import { commandGroups, commands } from './commands.ts';
import { openContext } from './context.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts';
import { type Interrupts, watchInterrupts } from './interrupts.ts';
import { type Output, openOutput } from './output.ts';
import { type Call, parseWords } from './program.ts';
import { programVersion } from './version.ts';

/** Never throws; everything that was opened is closed when it returns. */
export async function runCli(words: readonly string[]): Promise<ExitCode> {
  // Before the words are understood, only this can be known of them.
  const output = openOutput(words.includes('--json'));
  let exit: ExitCode;
  try {
    const call = parseWords(words, { commands, groups: commandGroups, version: await programVersion() });
    exit = call.kind === 'text' ? printText(output, call.text) : await runCall(call, output);
  } catch (error) {
    output.fail(error);
    exit = exitCodeOf(error);
  }
  await output.flush();
  return exit;
}

function printText(output: Output, text: string): ExitCode {
  output.finish({ document: { text }, text });
  return exitCodes.ok;
}

/** The report is printed before the database is closed, so that nobody waits for that to read it. */
async function runCall(call: Extract<Call, { kind: 'command' }>, output: Output): Promise<ExitCode> {
  const { command, flags } = call;
  using interrupts = watchInterrupts(output.note, command.name);
  await using context = openContext({
    env: processEnvironment(),
    flags,
    output,
    interrupts,
    keepsLog: command.keepsLog === true,
  });
  const running = command.run(context, call.input);
  const ending = command.cancellable === true ? running : abandonable(running, interrupts);
  const report = await ending.catch(async (error: unknown) => {
    // Deep in the work, what stopped has another name: "The snapshot was cancelled."
    if (interrupts.signal.aborted && isMillraceError(error, 'cancelled')) throw interrupts.signal.reason;
    throw await context.explain(error);
  });
  if (report !== null) output.finish(report);
  return report?.exit ?? exitCodes.ok;
}

/** What does not listen to Ctrl-C is left alone when it comes; closing the database ends it. */
async function abandonable<T>(running: Promise<T>, { signal }: Interrupts): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([running, aborted]);
}
