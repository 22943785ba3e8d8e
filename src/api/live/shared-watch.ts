/**
 * One watch for all readers of a space in this process. In: readers. Out: to each of them what arrives, as the text of its
 * event. Promised: a space is watched while it has readers, over one connection however many they are; when the watch is
 * lost, every reader is told.
 */
import type { LiveItem, SpaceWatch } from '../../space/space.ts';
import { eventText } from './event-stream.ts';

export type WatchSpace = (spaceNo: number, onItem: (item: LiveItem) => void) => Promise<SpaceWatch>;

export interface Reader {
  arrive(text: string): void;
  skip(count: number): void;
  /** There will be nothing more. */
  lost(error: unknown): void;
}

interface Shared {
  readonly readers: Set<Reader>;
  readonly opening: Promise<SpaceWatch>;
}

export class SharedWatch implements AsyncDisposable {
  private readonly watch: WatchSpace;
  private readonly bySpace = new Map<number, Shared>();
  private readonly closing = new Set<Promise<void>>();

  constructor(watch: WatchSpace) {
    this.watch = watch;
  }

  /** Resolves when the space is watched, to what ends it. Rejects when it cannot be. */
  async join(spaceNo: number, reader: Reader): Promise<() => void> {
    const shared = this.bySpace.get(spaceNo) ?? this.open(spaceNo);
    shared.readers.add(reader);
    await shared.opening;
    return () => this.leave(spaceNo, shared, reader);
  }

  private open(spaceNo: number): Shared {
    const readers = new Set<Reader>();
    const opening = this.watch(spaceNo, (item) => tell(readers, item));
    const shared: Shared = { readers, opening };
    this.bySpace.set(spaceNo, shared);
    const forget = (error: unknown): void => {
      if (this.bySpace.get(spaceNo) === shared) this.bySpace.delete(spaceNo);
      for (const reader of [...readers]) reader.lost(error);
    };
    opening.then(({ ended }) => ended.catch(forget), forget);
    return shared;
  }

  private leave(spaceNo: number, shared: Shared, reader: Reader): void {
    if (shared.readers.delete(reader) && shared.readers.size === 0) this.end(spaceNo, shared);
  }

  private end(spaceNo: number, shared: Shared): void {
    if (this.bySpace.get(spaceNo) === shared) this.bySpace.delete(spaceNo);
    const closing = shared.opening.then((watch) => watch[Symbol.asyncDispose]()).catch(() => undefined);
    this.closing.add(closing);
    void closing.then(() => this.closing.delete(closing));
  }

  /** Ends what is still watched, and waits until every watch has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [spaceNo, shared] of this.bySpace) this.end(spaceNo, shared);
    await Promise.all(this.closing);
  }
}

function tell(readers: ReadonlySet<Reader>, item: LiveItem): void {
  if (item.kind === 'skipped') {
    for (const reader of readers) reader.skip(item.count);
    return;
  }
  const text = eventText('arrival', item);
  for (const reader of readers) reader.arrive(text);
}
