/**
 * The way in for many small senders. In: a few messages at a time, from many at once. Out: what became of them, once it
 * is committed. What comes while a batch is under way is gathered into the next, so that a commit is shared. Promised:
 * nothing that was taken is lost or answered before it is durable; what waits in memory is bounded, and past the bound
 * nothing is taken; one sender's faulty messages do not fail another's.
 */
import { MillraceError } from '../../base/errors.ts';
import type { IncomingMessage, Inlet, OnTaken, Outcome, SpaceRef, SpaceWriter } from '../space.ts';

export interface InletOptions {
  readonly writer: SpaceWriter;
  /** Called inside the transaction of each gathered batch. */
  readonly onTaken?: OnTaken;
  /** Bytes of messages that may wait or be under way at once, in all spaces. */
  readonly maxWaitingBytes: number;
  /** Messages that are gathered at most. */
  readonly maxBatch?: number;
}

interface Waiting {
  readonly space: SpaceRef;
  readonly messages: readonly IncomingMessage[];
  readonly bytes: number;
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

const usualBatch = 2_000;
/** Batches of a space that are under way at once: one is computed while the one before commits. */
const underWayAtOnce = 3;

export function createInlet(options: InletOptions): Inlet {
  const lanes = new Map<number, InletLane>();
  let waitingBytes = 0;
  let closed = false;
  return {
    async take(space, messages, bytes) {
      if (closed) throw new MillraceError('inlet_closed', 'The server is stopping and takes no more messages.');
      if (waitingBytes > 0 && waitingBytes + bytes > options.maxWaitingBytes) {
        throw new MillraceError(
          'inlet_full',
          `More than ${options.maxWaitingBytes} bytes of messages are waiting already.`,
        );
      }
      let lane = lanes.get(space.no);
      if (lane === undefined) {
        lane = new InletLane(options);
        lanes.set(space.no, lane);
      }
      waitingBytes += bytes;
      try {
        return await lane.take(space, messages, bytes);
      } finally {
        waitingBytes -= bytes;
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all([...lanes.values()].map((lane) => lane.settled()));
    },
  };
}

class InletLane {
  private readonly options: InletOptions;
  private waiting: Waiting[] = [];
  private readonly underWay = new Set<Promise<void>>();

  constructor(options: InletOptions) {
    this.options = options;
  }

  take(space: SpaceRef, messages: readonly IncomingMessage[], bytes: number): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ space, messages, bytes, resolve, reject });
      // What arrives in the same moment goes together.
      if (this.waiting.length === 1) setImmediate(() => this.go());
    });
  }

  async settled(): Promise<void> {
    while (this.waiting.length > 0 || this.underWay.size > 0) {
      this.go();
      await Promise.all(this.underWay);
    }
  }

  private go(): void {
    while (this.waiting.length > 0 && this.underWay.size < underWayAtOnce) {
      const together = this.gather();
      const writing = this.write(together).finally(() => {
        this.underWay.delete(writing);
        this.go();
      });
      this.underWay.add(writing);
    }
  }

  /** The first to come, and those behind them that follow the same settings of the space, up to a batch. */
  private gather(): readonly Waiting[] {
    const { maxBatch = usualBatch } = this.options;
    const settings = this.waiting[0]?.space.settings;
    let count = 0;
    let size = 0;
    for (const { space, messages } of this.waiting) {
      if (count > 0 && (space.settings !== settings || size + messages.length > maxBatch)) break;
      count += 1;
      size += messages.length;
    }
    return this.waiting.splice(0, count);
  }

  private async write(together: readonly Waiting[]): Promise<void> {
    const first = together[0] as Waiting;
    const messages = together.length === 1 ? first.messages : together.flatMap((waiting) => waiting.messages);
    try {
      const outcomes = await this.writeAll(first.space, messages);
      let from = 0;
      for (const waiting of together) {
        const own = together.length === 1 ? outcomes : outcomes.slice(from, from + waiting.messages.length);
        from += waiting.messages.length;
        waiting.resolve(own);
      }
    } catch (error) {
      if (together.length === 1) first.reject(error);
      // One of them may be to blame: each by itself.
      else for (const waiting of together) await this.write([waiting]);
    }
  }

  private async writeAll(space: SpaceRef, messages: readonly IncomingMessage[]): Promise<readonly Outcome[]> {
    const { writer, onTaken } = this.options;
    // A batch that has to be written again counts once, as it was written last.
    let committed: (() => void) | undefined;
    const { outcomes } = await writer.write(space, messages, async (tx, written) => {
      committed = await onTaken?.(tx, space, messages, written.outcomes);
    });
    committed?.();
    return outcomes;
  }
}
