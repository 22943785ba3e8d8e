/**
 * The writer of a space. In: batches of messages. Out: what became of each message, once it is committed. Promised:
 * batches of a space take effect one after the other, in commit order, whichever process writes them; what the caller
 * writes with a batch commits with it or not at all; a lost race costs a second computation, never a lost update.
 *
 * While a batch commits, the next one is loaded and computed on top of it. A batch was computed from the truth if nobody
 * else committed since it was loaded: the space's counter (`space_heads.seq`) tells. If somebody did, the batch is loaded
 * and computed again under the lock of that counter, where nobody can come between.
 */
import type { Database, Transaction } from '../db/db.ts';
import { applyBatch, type Delta, type PreparedBatch, prepareBatch } from './batch.ts';
import { type DeltaStatement, renderDelta, writeDelta } from './delta.ts';
import { compileRules, type SpaceRules } from './rules.ts';
import type { AlsoWrite, IncomingMessage, SpaceRef, SpaceWriter, Written } from './space.ts';
import { loadWorkingSet, realTables } from './store.ts';
import { newerOver, type WorkingSet } from './working-set.ts';

/** How a batch ended, as the batch behind it needs to know. */
interface Committed {
  readonly delta: Delta;
  /** The space's counter after it. */
  readonly seq: bigint;
  /** False when it was computed a second time, so that what was built on the first is void. */
  readonly asComputed: boolean;
}

/** A batch's result, and the statements that store it. */
interface Computed {
  readonly delta: Delta;
  readonly statements: readonly DeltaStatement[];
}

/** The batch in front: its tentative result, and its end. */
interface InFlight {
  readonly state: WorkingSet;
  /** Null when it failed: then nothing of it was stored. */
  readonly end: Promise<Committed | null>;
}

interface Picture {
  readonly seq: bigint;
  readonly workingSet: WorkingSet;
}

export function createSpaceWriter({ db }: { readonly db: Database }): SpaceWriter {
  const lanes = new Map<number, SpaceLane>();
  return {
    write(space, batch, also) {
      let lane = lanes.get(space.no);
      if (lane === undefined) {
        lane = new SpaceLane(db, space.no);
        lanes.set(space.no, lane);
      }
      return lane.write(space, batch, also);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...lanes.values()].map((lane) => lane.settled()));
    },
  };
}

/** One space's queue in this process. */
class SpaceLane {
  private readonly db: Database;
  private readonly spaceNo: number;
  private front: InFlight | null = null;
  /** Resolves when the last batch given has begun its commit. */
  private turn: Promise<unknown> = Promise.resolve();
  private rules: { readonly settings: SpaceRef['settings']; readonly compiled: SpaceRules } | null = null;

  constructor(db: Database, spaceNo: number) {
    this.db = db;
    this.spaceNo = spaceNo;
  }

  async settled(): Promise<void> {
    await this.turn;
    await this.front?.end;
  }

  async write(space: SpaceRef, batch: readonly IncomingMessage[], also?: AlsoWrite): Promise<Written> {
    const rules = this.rulesOf(space);
    const begun = this.turn.then(() => this.begin(batch, rules, also));
    this.turn = begun.catch(() => undefined);
    const { result } = await begun;
    return result;
  }

  private rulesOf(space: SpaceRef): SpaceRules {
    if (this.rules?.settings !== space.settings) {
      this.rules = { settings: space.settings, compiled: compileRules(space.settings) };
    }
    return this.rules.compiled;
  }

  /** Loads and computes a batch while the one in front commits; then starts its commit, without waiting for its end. */
  private async begin(
    messages: readonly IncomingMessage[],
    rules: SpaceRules,
    also: AlsoWrite | undefined,
  ): Promise<{ result: Promise<Written> }> {
    const front = this.front;
    const loading = this.load(messages, rules);
    loading.catch(() => undefined);
    const { batch, picture } = await loading;
    const workingSet = front === null ? picture.workingSet : newerOver(picture.workingSet, front.state, batch.keys);
    const computed = await this.compute(batch, workingSet, rules);
    const before = front === null ? null : await front.end;
    const seq = expectedSeq(front, before, picture.seq);
    const committing = this.commit(batch, rules, computed, seq, also);
    this.front = { state: computed.delta.state, end: committing.catch(() => null) };
    const result = committing.then(({ delta: { outcomes, effects } }) => ({ outcomes, effects }));
    result.catch(() => undefined);
    return { result };
  }

  private async load(messages: readonly IncomingMessage[], rules: SpaceRules) {
    const client = await this.db.pool.connect();
    try {
      const head = client.query<{ seq: string }>({
        name: 'space-seq',
        text: 'SELECT seq FROM space_heads WHERE space_no = $1',
        values: [this.spaceNo],
      });
      head.catch(() => undefined);
      const batch = await prepareBatch(messages, rules);
      const seq = BigInt((await head).rows[0]?.seq ?? 0);
      const workingSet = await loadWorkingSet(client, this.spaceNo, batch.keys, [realTables]);
      const picture: Picture = { seq, workingSet };
      return { batch, picture };
    } finally {
      client.release();
    }
  }

  private async compute(batch: PreparedBatch, workingSet: WorkingSet, rules: SpaceRules): Promise<Computed> {
    const delta = await applyBatch(batch, workingSet, rules);
    return { delta, statements: await renderDelta(this.spaceNo, delta, realTables) };
  }

  private async commit(
    batch: PreparedBatch,
    rules: SpaceRules,
    first: Computed,
    expected: bigint | null,
    also: AlsoWrite | undefined,
  ): Promise<Committed> {
    return this.db.transaction(async (tx) => {
      const seq = await lockHead(tx, this.spaceNo);
      const asComputed = seq === expected;
      let computed = first;
      if (!asComputed) {
        const workingSet = await loadWorkingSet(tx, this.spaceNo, batch.keys, [realTables]);
        computed = await this.compute(batch, workingSet, rules);
      }
      const { delta, statements } = computed;
      await writeDelta(tx, statements);
      await also?.(tx, { outcomes: delta.outcomes, effects: delta.effects });
      return { delta, seq: seq + 1n, asComputed };
    });
  }
}

/**
 * What the space's counter must say for a computed batch to hold: no commit since it was loaded, other than that of the
 * batch in front, on which it was built. Null when it does not hold in any case.
 */
function expectedSeq(front: InFlight | null, before: Committed | null, loaded: bigint): bigint | null {
  if (front === null) return loaded;
  if (before === null || !before.asComputed) return null;
  if (loaded === before.seq || loaded === before.seq - 1n) return before.seq;
  return null;
}

/**
 * Waits for its turn and takes the next number, in one statement: the row stays locked until the transaction ends, and a
 * transaction that fails gives the number back. Returns the number before; the row is made on the first write to a space.
 */
async function lockHead(tx: Transaction, spaceNo: number): Promise<bigint> {
  const { rows } = await tx.query<{ seq: string }>({
    name: 'space-lock',
    text: `INSERT INTO space_heads AS head (space_no, seq) VALUES ($1, 1)
      ON CONFLICT (space_no) DO UPDATE SET seq = head.seq + 1 RETURNING seq`,
    values: [spaceNo],
  });
  return BigInt(rows[0]?.seq ?? 1) - 1n;
}
