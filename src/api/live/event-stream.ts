/**
 * A stream of server-sent events to one reader. In: events as they happen. Out: bytes, as fast as the reader takes them.
 * Promised: what waits for a slow reader is bounded; what it has no room for is left out, counted, and told as soon as
 * there is room.
 */
import { Readable } from 'node:stream';

/** What waits for the reader at most, beside one event and what the network holds. */
const waitingBytes = 65_536;

/** `retry`: the reader connects again after so many milliseconds when it loses the connection. */
const greeting = 'retry: 3000\n: watching\n\n';

export function eventText(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export class EventStream extends Readable {
  private isFull = false;
  private isOver = false;
  private skipped = 0;
  private fullBeats = 0;

  constructor() {
    super({ highWaterMark: waitingBytes });
    this.add(greeting);
  }

  /** @param count how many arrivals the text stands for */
  arrive(text: string, count: number): void {
    if (this.isFull) this.skipped += count;
    else this.add(text);
  }

  skip(count: number): void {
    this.skipped += count;
    this.tellSkipped();
  }

  /** A comment, so that everybody on the way sees that the connection lives. Returns how many there was no room for in a row. */
  beat(): number {
    this.fullBeats = this.isFull ? this.fullBeats + 1 : 0;
    if (!this.isFull) this.add(': still here\n\n');
    return this.fullBeats;
  }

  /** The last event, with why the stream ends. */
  finish(reason: string): void {
    if (this.isOver) return;
    this.add(eventText('end', { reason }));
    this.isOver = true;
    this.push(null);
  }

  override _read(): void {
    this.isFull = false;
    this.tellSkipped();
  }

  private tellSkipped(): void {
    if (this.isFull || this.skipped === 0) return;
    const count = this.skipped;
    this.skipped = 0;
    this.add(eventText('skipped', { kind: 'skipped', count }));
  }

  private add(text: string): void {
    if (!this.isOver && !this.destroyed) this.isFull = !this.push(text);
  }
}
