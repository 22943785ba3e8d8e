/** A hand to write to a space and look into it: messages in, profiles and the log out. Time goes by when it is told to. */
import type { JsonObject } from '../src/base/json.ts';
import type { Database } from '../src/db/db.ts';
import {
  createSpaceReader,
  createSpaceWriter,
  defaultSpaceSettings,
  type IncomingMessage,
  type Outcome,
  type Profile,
  readSpaceLog,
  type SpaceRef,
  type SpaceSettings,
  type SpaceWriter,
} from '../src/space/space.ts';

/** A message, and what the one who brings it adds. */
export type Sent = JsonObject & { readonly onceKey?: string };

export class SpaceHand {
  private static spaces = 0;
  readonly space: SpaceRef;
  private readonly db: Database;
  private now = Date.parse('2026-05-01T00:00:00Z');

  constructor(db: Database, settings: Partial<SpaceSettings> = {}) {
    SpaceHand.spaces += 1;
    const no = SpaceHand.spaces;
    this.db = db;
    this.space = { id: `spa_${no}`, no, settings: { ...defaultSpaceSettings(), ...settings } };
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /** The time, `ago` ms before now, as messages carry it. */
  time(ago = 0): string {
    return new Date(this.now - ago).toISOString();
  }

  incoming({ onceKey, ...message }: Sent): IncomingMessage {
    const receivedAt = new Date(this.now);
    return { message, receivedAt, sourceId: 'src_test', ...(onceKey === undefined ? {} : { onceKey }) };
  }

  /** In one batch. */
  async send(...messages: readonly Sent[]): Promise<readonly Outcome[]> {
    await using writer = createSpaceWriter({ db: this.db });
    return this.sendBy(writer, ...messages);
  }

  async sendBy(writer: SpaceWriter, ...messages: readonly Sent[]): Promise<readonly Outcome[]> {
    return (
      await writer.write(
        this.space,
        messages.map((message) => this.incoming(message)),
      )
    ).outcomes;
  }

  profile(type: string, value: string): Promise<Profile | null> {
    const key = { kind: 'identifier', type, value } as const;
    return createSpaceReader({ db: this.db }).profile(this.space.no, 'users', key);
  }

  async log(): Promise<string[]> {
    const entries = await readSpaceLog(this.db.pool, this.space.no);
    return entries.map(({ kind, reason, detail }) => `${kind} ${reason}: ${detail}`);
  }
}

/** `taken`, or why it was dropped. */
export function became(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'taken' : outcome.reason));
}
