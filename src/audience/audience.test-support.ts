/** A space that computes, for tests: messages in, time that goes by when it is told to, and the worker's looks by hand. */
import { testLog } from '../../test/database.ts';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/db.ts';
import { createSpaceReader, createSpaceWriter, type Profile, type SpaceRef, startComputing } from '../space/space.ts';
import { createSpace } from '../workspace/workspace.ts';
import type { ComputationKind, ComputationOptions, Entity } from './audience.ts';
import type { ComputeContext } from './compute.ts';
import { compileQuery } from './query/compile.ts';
import { createLook } from './worker.ts';

type Defined = Partial<ComputationOptions> & { readonly entity?: Entity };

export class ComputingSpace implements AsyncDisposable {
  readonly space: SpaceRef;
  now: number;
  private readonly db: Database;
  private readonly writer;
  private readonly reader;
  readonly look: () => Promise<boolean>;

  private readonly log: Log;

  constructor(db: Database, space: SpaceRef, now: number, log: Log = testLog('warn')) {
    this.log = log;
    this.db = db;
    this.space = space;
    this.now = now;
    this.writer = createSpaceWriter({ db });
    this.reader = createSpaceReader({ db });
    this.look = this.worker('one');
  }

  static async create(
    db: Database,
    name: string,
    now = Date.parse('2026-05-01T00:00:00Z'),
    log?: Log,
  ): Promise<ComputingSpace> {
    const { id, no, settings } = await createSpace(db.pool, name);
    return new ComputingSpace(db, { id, no, settings }, now, log);
  }

  /** A process that computes. */
  worker(holder: string): () => Promise<boolean> {
    const clock = { now: () => new Date(this.now) };
    const context: ComputeContext = { db: this.db, clock, holder, log: this.log };
    return createLook(context, new AbortController().signal);
  }

  pass(ms: number): void {
    this.now += ms;
  }

  time(ago = 0): string {
    return new Date(this.now - ago).toISOString();
  }

  /** Makes a computation as it is once its definition was taken. Returns its id. */
  async define(kind: ComputationKind, name: string, query: string, more: Defined = {}): Promise<string> {
    const { entity = 'USERS', ...options } = more;
    const compiled = compileQuery(query, { kind, entity });
    if (compiled.kind === 'faulty') throw new Error(JSON.stringify(compiled.faults));
    const id = newId(kind === 'audience' ? 'aud' : 'tra');
    const all: ComputationOptions = {
      ...{ includeHistoricalData: true, backfillDays: null },
      filterByExternalIds: ['user_id', 'email'],
      ...options,
    };
    const at = new Date(this.now);
    await this.db.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO computations (space_no, computation_id, kind, name, key, description, entity, enabled, query, options,
            cadence, created_at, created_by, updated_at, updated_by, run_asked_at, run_cursor, run_reason)
          VALUES ($1, $2, $3, $4, $4, '', $5, true, $6, $7, $8, $9, 'test', $9, 'test', $9, '', 'first')`,
        [this.space.no, id, kind, name, entity, query, JSON.stringify(all), compiled.query.cadence, at],
      );
      await startComputing(tx, this.space.no);
    });
    return id;
  }

  /** In one batch; a message without a time is of now. */
  async send(...messages: readonly JsonObject[]): Promise<void> {
    const receivedAt = new Date(this.now);
    await this.writer.write(
      this.space,
      messages.map((message) => ({
        message: { timestamp: receivedAt.toISOString(), ...message },
        receivedAt,
        sourceId: 'src_test',
        ...(typeof message.messageId === 'string' && { onceKey: message.messageId }),
      })),
    );
  }

  /** Looks until nothing is left to do now. */
  async compute(): Promise<void> {
    while (await this.look()) {
      // The next step.
    }
  }

  profile(type: string, value: string, collection: 'users' | 'accounts' = 'users'): Promise<Profile | null> {
    return this.reader.profile(this.space.no, collection, { kind: 'identifier', type, value });
  }

  /** A trait of the user, with its class; undefined: it has none. */
  async trait(userId: string, key: string): Promise<{ value: unknown; class: string } | undefined> {
    const profile = await this.profile('user_id', userId);
    const found = profile?.traits.find((trait) => trait.key === key);
    return found && { value: found.value, class: found.class };
  }

  async value(userId: string, key: string): Promise<unknown> {
    return (await this.trait(userId, key))?.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer[Symbol.asyncDispose]();
  }
}

/** Deletes a computation as it is once that was asked for. */
export async function markDeleted(db: Database, id: string, at: number): Promise<void> {
  await db.pool.query(
    `UPDATE computations SET deleted_at = $2, enabled = false, run_asked_at = $2, run_cursor = '', run_reason = 'delete'
      WHERE computation_id = $1`,
    [id, new Date(at)],
  );
}
