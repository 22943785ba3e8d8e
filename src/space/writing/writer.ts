/**
 * The writer of a space. In: batches of messages. Out: what became of each message, once it is committed. Promised:
 * batches of a space take effect one after the other, in commit order, whichever process writes them; what the caller
 * writes with a batch commits with it or not at all; a lost race costs a second computation, never a lost update.
 *
 * A few batches are under way at once. Each is computed over the results of those in front of it, and written ahead: its
 * rows go into a transaction of its own while those in front still commit, and only then does it take its turn at the
 * space's counter (`space_heads.seq`). The counter tells whether the batch was computed from the truth: nobody committed
 * since it was loaded, other than those in front. If somebody did, its rows are taken back, and it is loaded and computed
 * again under the lock of the counter, where nobody can come between.
 */
import type { Log } from '../../base/log.ts';
import type { Database, Transaction } from '../../db/db.ts';
import { noteDue, touchedBy } from '../computing/due.ts';
import { createDays, type Days } from '../events/days.ts';
import { compileRules, type SpaceRules } from '../identity/rules.ts';
import type { AlsoWrite, IncomingMessage, OnWritten, SpaceRef, SpaceWriter, Written } from '../space.ts';
import { applyBatch, type Delta, type PreparedBatch, prepareBatch } from './batch.ts';
import { type DeltaStatement, renderDelta, writeDelta } from './delta.ts';
import { type Remembered, SpaceMemory } from './memory.ts';
import { loadWorkingSet, realTables } from './store.ts';
import { isCollision, noteChanges, readHead, type Turn, takeTurn, takeTurnIfAt } from './turns.ts';
import { newerOver, type Overlay, type WorkingSet } from './working-set.ts';

/** A batch's result, and the statements that store it. */
interface Computed {
  readonly delta: Delta;
  readonly statements: readonly DeltaStatement[];
}

/** A batch that has begun its commit, as the batches behind it see it. */
class UnderWay {
  readonly state: Overlay;
  /** The space's counter after it, if it stands as computed; null when it failed, or what was built on it is void. */
  readonly verdict: Promise<bigint | null>;
  /** When it has committed or failed. */
  end: Promise<unknown> = Promise.resolve();
  isVoid = false;
  private isTold = false;
  private resolve: (verdict: bigint | null) => void = () => undefined;

  constructor(state: Overlay) {
    this.state = state;
    this.verdict = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** The first verdict stands. */
  tell(verdict: bigint | null): void {
    if (this.isTold) return;
    this.isTold = true;
    this.isVoid = verdict === null;
    this.resolve(verdict);
  }
}

interface Picture {
  readonly seq: bigint;
  readonly workingSet: WorkingSet;
}

/** Batches that write at once. More than two do not gain: the Postgres of a small machine is busy with two. */
const writingAtOnce = 2;

/** After a lost race so many batches take their turn before they write: what is written ahead would be lost again. */
const batchesInTurn = 20;

export interface SpaceWriterOptions {
  readonly db: Database;
  /** Told what was written, after each commit. */
  readonly onWritten?: OnWritten;
  /** Told of filters that cannot be read, once of each. */
  readonly log?: Pick<Log, 'warn'>;
}

export function createSpaceWriter({ db, onWritten, log }: SpaceWriterOptions): SpaceWriter {
  const lanes = new Map<number, SpaceLane>();
  const days = createDays(db);
  return {
    async write(space, batch, also) {
      let lane = lanes.get(space.no);
      if (lane === undefined) {
        lane = new SpaceLane(db, days, space.no, log);
        lanes.set(space.no, lane);
      }
      const written = await lane.write(space, batch, also);
      onWritten?.(space.no, batch, written.outcomes);
      return written;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...lanes.values()].map((lane) => lane.settled()));
    },
  };
}

/** One space's queue in this process. */
class SpaceLane {
  private readonly db: Database;
  private readonly days: Days;
  private readonly spaceNo: number;
  private readonly log: SpaceWriterOptions['log'];
  private readonly warnedOf = new Set<string>();
  /** In the order of their turns. */
  private readonly underWay: UnderWay[] = [];
  /** Resolves when the last batch given has begun its commit. */
  private turn: Promise<unknown> = Promise.resolve();
  private rules: { readonly settings: SpaceRef['settings']; readonly compiled: SpaceRules } | null = null;
  /** Batches that are not written ahead, because somebody else writes to the space too. */
  private inTurn = 0;
  /** Holds at `lastSeq`, or on top of the batches under way. */
  private readonly memory = new SpaceMemory();
  /** The space's counter after the last batch of this lane that committed as it was computed. */
  private lastSeq: bigint | null = null;

  constructor(db: Database, days: Days, spaceNo: number, log: SpaceWriterOptions['log']) {
    this.log = log;
    this.db = db;
    this.days = days;
    this.spaceNo = spaceNo;
  }

  async settled(): Promise<void> {
    await this.turn;
    await Promise.all(this.underWay.map(({ end }) => end));
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
      this.warn(space.id, this.rules.compiled);
    }
    return this.rules.compiled;
  }

  private warn(space: string, { unreadable }: SpaceRules): void {
    for (const { name, message } of unreadable) {
      const which = `${name} ${message}`;
      if (this.warnedOf.has(which)) continue;
      this.warnedOf.add(which);
      // Not the condition, which may name people.
      this.log?.warn({ space, filter: name }, 'a filter of a space cannot be read, and keeps nothing out');
    }
  }

  /** Loads and computes a batch over those in front of it; then starts its commit, without waiting for its end. */
  private async begin(
    messages: readonly IncomingMessage[],
    rules: SpaceRules,
    also: AlsoWrite | undefined,
  ): Promise<{ result: Promise<Written> }> {
    for (let other = this.voidOne(); other !== undefined; other = this.voidOne()) await other.end;
    const inFront = [...this.underWay];
    const { batch, picture } = await this.load(messages, rules, inFront.length === 0);
    const workingSet = inFront.reduce((set, { state }) => newerOver(set, state, batch), picture.workingSet);
    const computed = await this.compute(batch, workingSet, rules);
    this.memory.learn(computed.delta.state, batch.keys);
    const own = new UnderWay(computed.delta.state);
    const ahead = await this.waitForRoom(own.state);
    const committing = this.commit({
      batch,
      rules,
      computed,
      expected: expectedSeq(inFront, picture.seq),
      turn: Promise.all(inFront.map(({ end }) => end)),
      also,
      ahead,
      tell: (verdict) => own.tell(verdict),
    });
    this.underWay.push(own);
    own.end = committing.then(
      () => this.forget(own),
      () => this.forget(own),
    );
    const result = committing.then(({ outcomes, effects }) => ({ outcomes, effects }));
    result.catch(() => undefined);
    return { result };
  }

  /**
   * Waits until a batch may begin its commit; tells whether it is to be written ahead. What others wait for has its
   * connection, or asked for it before them: so it never waits for a connection that they hold.
   */
  private async waitForRoom(state: Overlay): Promise<boolean> {
    if (this.inTurn > 0) {
      this.inTurn -= 1;
      await Promise.all(this.underWay.map(({ end }) => end));
      return false;
    }
    const isInTheWay = (other: UnderWay) => changeSameProfile(state, other.state);
    while (this.underWay.length >= writingAtOnce || this.underWay.some(isInTheWay)) await this.underWay[0]?.end;
    return true;
  }

  private voidOne(): UnderWay | undefined {
    return this.underWay.find(({ isVoid }) => isVoid);
  }

  private forget(batch: UnderWay): void {
    batch.tell(null);
    if (batch.isVoid) this.memory.clear();
    this.underWay.splice(this.underWay.indexOf(batch), 1);
  }

  private async load(messages: readonly IncomingMessage[], rules: SpaceRules, isFirst: boolean) {
    await this.days.prepare(messages);
    const client = await this.db.pool.connect();
    try {
      const reading = readHead(client, this.spaceNo);
      reading.catch(() => undefined);
      const batch = await prepareBatch(messages, rules);
      const { seq, suppresses } = await reading;
      if (isFirst && seq !== this.lastSeq) this.memory.clear();
      const remembered = this.memory.find(batch.keys);
      const wanted = { ...batch, keys: remembered.missing };
      const loaded = await loadWorkingSet(client, this.spaceNo, wanted, suppresses, [realTables]);
      const workingSet = withRemembered(loaded, remembered);
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

  private async commit(work: Work): Promise<Delta> {
    const { computed, expected, turn, ahead, tell } = work;
    const seq = ahead ? await this.commitAhead(work) : null;
    if (seq !== null) {
      this.lastSeq = seq;
      tell(seq);
      return computed.delta;
    }
    const before = ahead ? null : await expected;
    // Those behind must let go of what they wrote ahead before this one waits for anybody.
    if (before === null) {
      tell(null);
      this.memory.clear();
      this.inTurn = batchesInTurn;
    }
    await turn;
    const written = await this.commitInTurn(work, before).catch((error: unknown) => {
      // Chosen to give way in a deadlock with a batch that another process writes ahead, which lets go of its rows then.
      if (!isCollision(error)) throw error;
      return this.commitInTurn(work, null);
    });
    if (written.asComputed) this.lastSeq = written.seq;
    else this.memory.clear();
    tell(written.asComputed ? written.seq : null);
    return written.delta;
  }

  /** Writes, then takes the turn. Null, and nothing is stored, when the batch was not computed from the truth. */
  private async commitAhead({ batch, computed, expected, also }: Work): Promise<bigint | null> {
    const { delta, statements } = computed;
    try {
      return await this.db.transaction(async (tx) => {
        await writeDelta(tx, statements);
        const before = await soon(expected);
        const own = before === null ? null : await takeTurnIfAt(tx, this.spaceNo, before);
        if (own === null) throw new LostRace();
        await this.note(tx, own, batch, delta, also);
        return own.seq;
      });
    } catch (error) {
      if (error instanceof LostRace || isCollision(error)) return null;
      throw error;
    }
  }

  /** Takes the turn, then writes. */
  private commitInTurn({ batch, rules, computed: first, also, tell }: Work, expected: bigint | null) {
    return this.db.transaction(async (tx) => {
      const own = await takeTurn(tx, this.spaceNo);
      const { seq } = own;
      const asComputed = seq - 1n === expected;
      let computed = first;
      if (!asComputed) {
        // Those behind were built on what is not so, and may hold rows that this one will change now.
        tell(null);
        const workingSet = await loadWorkingSet(tx, this.spaceNo, batch, true, [realTables]);
        computed = await this.compute(batch, workingSet, rules);
      }
      const { delta, statements } = computed;
      await writeDelta(tx, statements);
      await this.note(tx, own, batch, delta, also);
      return { delta, seq, asComputed };
    });
  }

  /** What goes with the batch in its turn. */
  private async note(tx: Transaction, { seq, computes }: Turn, batch: PreparedBatch, delta: Delta, also?: AlsoWrite) {
    await noteChanges(tx, this.spaceNo, seq, [...delta.state.changed]);
    if (computes) await noteDue(tx, this.spaceNo, seq, touchedBy(delta), batch.messages.at(-1)?.incoming.receivedAt);
    await also?.(tx, { outcomes: delta.outcomes, effects: delta.effects });
  }
}

/** What is remembered is newer than what was loaded, or the same. */
function withRemembered(loaded: WorkingSet, { owners, profiles }: Remembered): WorkingSet {
  if (owners.size === 0) return loaded;
  return {
    ...loaded,
    owners: new Map([...loaded.owners, ...owners]),
    profiles: new Map([...loaded.profiles, ...profiles]),
  };
}

interface Work {
  readonly batch: PreparedBatch;
  readonly rules: SpaceRules;
  readonly computed: Computed;
  /** What the counter must say for the batch to hold; null when it does not hold in any case. */
  readonly expected: Promise<bigint | null>;
  /** When the batches in front have ended. */
  readonly turn: Promise<unknown>;
  readonly also: AlsoWrite | undefined;
  /** To be written before it has its turn. */
  readonly ahead: boolean;
  readonly tell: (verdict: bigint | null) => void;
}

/**
 * How long a batch keeps rows locked while it waits for those in front, ms. They may wait for a row of another process's
 * batch, and that one for a row of this one: a circle that Postgres cannot see, as part of it is in this process.
 */
const longestHoldMs = 1_000;

/** Null when it takes too long: the batch lets go of its rows and comes again in its turn. */
async function soon(expected: Promise<bigint | null>): Promise<bigint | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, longestHoldMs, null);
  });
  try {
    return await Promise.race([expected, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** Somebody else committed to the space since the batch was loaded. */
class LostRace extends Error {}

/** A row that another transaction has not committed yet cannot be changed from a transaction beside it. */
function changeSameProfile(state: Overlay, other: Overlay): boolean {
  for (const id of state.changed) if (other.created.has(id) || other.changed.has(id)) return true;
  for (const contact of state.changedContacts) if (other.changedContacts.has(contact)) return true;
  return false;
}

/**
 * What the space's counter must say for a computed batch to hold: no commit since it was loaded, other than those of the
 * batches in front, on which it was built. Null when it does not hold in any case.
 */
async function expectedSeq(inFront: readonly UnderWay[], loaded: bigint): Promise<bigint | null> {
  if (inFront.length === 0) return loaded;
  const seqs: bigint[] = [];
  for (const { verdict } of inFront) {
    const seq = await verdict;
    if (seq === null) return null;
    seqs.push(seq);
  }
  const first = seqs[0] as bigint;
  const last = seqs.at(-1) as bigint;
  const inARow = last - first === BigInt(seqs.length - 1);
  return inARow && loaded >= first - 1n && loaded <= last ? last : null;
}
