/**
 * Takes a regulation. In: a request. Out: the regulation, stored; what suppresses or ends it has taken effect when the call
 * returns. Deletions wait to be run (`run.ts`). So does the end of a suppression while a deletion of the same people is
 * not finished: otherwise what they send afterwards would be deleted with the rest.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { type Fault, MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { storableText } from '../base/text.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';
import { normalizeValue, type SuppressionChange, suppress, unsuppress } from '../space/space.ts';
import { type Actor, commandLine, listSpaces, lockWorkspace, recordAudit } from '../workspace/workspace.ts';
import { getRegulation } from './list.ts';
import {
  deletes,
  isForwarded,
  type Regulation,
  type RegulationRequest,
  type RegulationType,
  regulationTypes,
  suppresses,
} from './privacy.ts';
import { readQuota } from './quota.ts';

const maxSubjects = 5_000;
const maxBytes = 4 * 1024 * 1024;
const maxLength = 500;

/**
 * `monthlyQuota`: how many people regulations of its category may name in a calendar month, this one included. `actor`:
 * who asks for it, for the audit trail, which never has the ids of people. Errors:
 * `regulation_invalid`, with every fault; `regulation_quota_exceeded`.
 */
export async function createRegulation(
  db: Database,
  request: RegulationRequest,
  clock: Clock = systemClock,
  monthlyQuota = Number.POSITIVE_INFINITY,
  actor: Actor = commandLine,
): Promise<Regulation> {
  const { type, userIds, sourceId } = checked(request);
  const id = newId('reg');
  await db.transaction(async (tx) => {
    // No space is made meanwhile, and one regulation comes after the other.
    await lockWorkspace(tx);
    if (monthlyQuota !== Number.POSITIVE_INFINITY) {
      const { subjects } = await readQuota(tx, type, clock);
      if (subjects + userIds.length > monthlyQuota) throw quotaExceeded(type, monthlyQuota, subjects);
    }
    const at = await nextMoment(tx, clock.now());
    const change = await changeOf(tx, userIds, sourceId, at);
    if (suppresses(type)) await suppress(tx, change, id, await findRevocable(tx));
    const waits = deletes(type) || (type === 'UNSUPPRESS' && (await isBeingDeleted(tx, userIds, at)));
    if (type === 'UNSUPPRESS' && !waits) await unsuppress(tx, change);
    await tx.query(
      `INSERT INTO regulations (id, type, source_id, subject_ids, subjects, status, detail, try_at, created_at,
         started_at, finished_at)
       VALUES ($1, $2, $3, $4, $5, $6, '{}', $7, $8, $9, $9)`,
      [
        ...[id, type, sourceId, waits ? userIds : null, userIds.length, waits ? 'INITIALIZED' : 'FINISHED'],
        ...[waits ? at : null, at, waits ? null : at],
      ],
    );
    const scope = sourceId === '' ? 'Workspace' : 'Source';
    const note = { resourceType: 'regulation', resourceId: id, resourceName: type };
    await recordAudit(tx, actor, [{ type: `${scope} Regulation Created`, ...note }]);
  });
  return getRegulation(db.pool, id);
}

function quotaExceeded(type: RegulationType, quota: number, subjects: number): MillraceError {
  const which = isForwarded(type) ? 'that tell destinations' : 'that stay within this server';
  return new MillraceError(
    'regulation_quota_exceeded',
    `Regulations ${which} may name ${quota} user ids in a month; ${subjects} were named already. Nothing was changed.`,
  );
}

/** Those whose suppressions may still be taken back. */
async function findRevocable(tx: Queryable): Promise<readonly string[]> {
  const { rows } = await tx.query<{ id: string }>('SELECT id FROM regulations WHERE finished_at IS NULL');
  return rows.map(({ id }) => id);
}

export async function changeOf(
  tx: Transaction,
  userIds: readonly string[],
  sourceId: string,
  at: Date,
): Promise<SuppressionChange> {
  return { spaceNos: (await listSpaces(tx)).map(({ no }) => no), userIds, sourceId, at };
}

/** Whether a deletion of one of these people, asked for before, is not finished. */
export async function isBeingDeleted(db: Queryable, userIds: readonly string[], before: Date): Promise<boolean> {
  const { rows } = await db.query<{ waits: boolean }>(
    `SELECT EXISTS (SELECT FROM regulations
       WHERE finished_at IS NULL AND type <> 'UNSUPPRESS' AND created_at < $2 AND subject_ids && $1::text[]) AS waits`,
    [userIds, before],
  );
  return rows[0]?.waits === true;
}

/** Now, but later than every regulation before. */
async function nextMoment(tx: Queryable, now: Date): Promise<Date> {
  const { rows } = await tx.query<{ last: Date | null }>('SELECT max(created_at) AS last FROM regulations');
  const last = rows[0]?.last?.getTime() ?? 0;
  return new Date(Math.max(now.getTime(), last + 1));
}

interface Checked {
  readonly type: RegulationType;
  readonly userIds: readonly string[];
  readonly sourceId: string;
}

function checked(request: RegulationRequest): Checked {
  const read = readRequest(request);
  if (!('faults' in read)) return read;
  const { faults } = read;
  const what = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  throw new MillraceError('regulation_invalid', `The regulation has ${what}; nothing was changed.`, { faults });
}

/** Everything that `createRegulation` would refuse it for; empty when it would not. */
export function regulationFaults(request: RegulationRequest): readonly Fault[] {
  const read = readRequest(request);
  return 'faults' in read ? read.faults : [];
}

function readRequest({ type, subjectIds, sourceId }: RegulationRequest): Checked | { readonly faults: Fault[] } {
  const faults: Fault[] = [];
  const known = regulationTypes.find((one) => one === type);
  if (known === undefined) {
    faults.push({ where: 'type', message: `There is no such type. The types are ${regulationTypes.join(', ')}.` });
  }
  if (sourceId !== undefined && (sourceId === '' || !storableText(sourceId))) {
    faults.push({ where: 'sourceId', message: 'The id of a source is a text that is not empty.' });
  }
  const userIds = checkedIds(subjectIds, faults);
  if (known === undefined || faults.length > 0) return { faults };
  return { type: known, userIds, sourceId: sourceId ?? '' };
}

/** Each once, trimmed as identifiers are. Faults name the place, never the id. */
function checkedIds(subjectIds: readonly unknown[], faults: Fault[]): readonly string[] {
  const where = 'subjectIds';
  if (subjectIds.length < 1 || subjectIds.length > maxSubjects) {
    faults.push({ where, message: `A regulation has 1 to ${maxSubjects} user ids, not ${subjectIds.length}.` });
    return [];
  }
  if (Buffer.byteLength(JSON.stringify(subjectIds)) > maxBytes) {
    faults.push({ where, message: 'The user ids are more than 4 MB together.' });
  }
  const ids = new Set<string>();
  for (const [index, given] of subjectIds.entries()) {
    const id = typeof given === 'string' ? normalizeValue('user_id', given) : null;
    const message =
      id === null
        ? 'A user id is a text that is not empty.'
        : !storableText(id)
          ? 'It holds a NUL character or half a surrogate pair, which no user id can.'
          : [...id].length > maxLength
            ? `It is longer than ${maxLength} characters, which no user id is.`
            : null;
    if (message !== null) faults.push({ where: `${where}[${index}]`, message });
    else if (id !== null) ids.add(id);
  }
  return [...ids];
}
