/** `space tail NAME`: what arrives at a space, a line for each message, as it arrives. */

import { count, counted } from '../base/count.ts';
import type { Arrival, LiveItem } from '../space/space.ts';
import { watchSpace } from '../space/space.ts';
import { findSpace } from '../workspace/workspace.ts';
import { arrivalLine, skippedLine, sourceNames } from './arrival-line.ts';
import { argument, type Command, numberOption } from './command.ts';
import { aborted } from './interrupts.ts';
import type { Output } from './output.ts';

/** What the document holds at most. */
const mostKept = 1_000;

export const spaceTailCommand: Command = {
  name: 'space tail',
  description: 'Show what arrives at a space, whoever sends it, a line for each message, until Ctrl-C.',
  arguments: [{ name: 'NAME', description: 'name, id or write key of the space', required: true }],
  options: [
    {
      flags: '--limit <NUMBER>',
      description: `end after so many messages, up to ${count(mostKept)}`,
      defaultText: 'go on until Ctrl-C',
    },
  ],
  examples: ['millrace space tail main', 'millrace space tail main --limit 1 --json'],
  cancellable: true,
  async run(context, input) {
    const limit = numberOption(input, 'limit', 1, mostKept);
    const db = await context.database();
    const space = await findSpace(db.pool, argument(input, 'NAME'));
    const tail = new Tail(context.output, sourceNames(db), limit);
    await using watch = await watchSpace({ db }, space.no, (item) => tail.add(item));
    context.output.note(`Waiting for messages at the space ${space.name}. Stop: Ctrl-C`);
    await Promise.race([watch.ended, tail.done, aborted(context.signal), aborted(context.output.unread)]);
    const { kept, seen, skipped } = tail;
    const rest = skipped === 0 ? '' : `, ${counted(skipped, 'message')} more not shown`;
    context.output.note(`${counted(seen, 'message')} shown${rest}.`);
    return { document: { space: space.name, seen, skipped, arrivals: kept }, text: '' };
  },
};

type NameOf = (arrival: Arrival) => Promise<string>;

/** Prints items one after the other, in the order they came. */
class Tail {
  /** The newest. */
  readonly kept: Arrival[] = [];
  seen = 0;
  skipped = 0;
  /** Resolves at the limit; rejects when a name could not be looked up. */
  readonly done: Promise<void>;
  private readonly output: Output;
  private readonly nameOf: NameOf;
  private readonly limit: number;
  private turn: Promise<void> = Promise.resolve();
  private end = (): void => undefined;
  private fail = (_: unknown): void => undefined;

  constructor(output: Output, nameOf: NameOf, limit = Number.POSITIVE_INFINITY) {
    this.output = output;
    this.nameOf = nameOf;
    this.limit = limit;
    this.done = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  }

  add(item: LiveItem): void {
    this.turn = this.turn.then(() => this.print(item)).catch((error: unknown) => this.fail(error));
  }

  private async print(item: LiveItem): Promise<void> {
    const { output } = this;
    if (this.seen >= this.limit) return;
    if (item.kind === 'skipped') {
      this.skipped += item.count;
      output.note(skippedLine(item));
      return;
    }
    const source = await this.nameOf(item);
    this.seen += 1;
    if (output.json) this.kept.push(item);
    if (this.kept.length > mostKept) this.kept.shift();
    output.say(arrivalLine(item, source));
    if (this.seen >= this.limit) this.end();
  }
}
