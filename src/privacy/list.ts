/** Regulations and suppressions, for people and for the Public API. */
import { type Clock, systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/errors.ts';
import type { Queryable } from '../db/db.ts';
import { listSuppressions, type Page, type Suppression } from '../space/space.ts';
import type { Regulation, RegulationStatus, RegulationType } from './privacy.ts';

export interface RegulationQuery {
  readonly status?: RegulationStatus | undefined;
  /** Undefined: all. */
  readonly types?: readonly RegulationType[] | undefined;
  /** Null: of the workspace; undefined: all. */
  readonly sourceId?: string | null | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
  /** The `next` of the page before. */
  readonly next?: string | undefined;
}

const listedDays = 90;

/** Those of the last 90 days, newest first. Error: `cursor_invalid`. */
export async function listRegulations(
  db: Queryable,
  { status, types, sourceId, limit, next }: RegulationQuery,
  clock: Clock = systemClock,
): Promise<Page<Regulation>> {
  const [before] = next === undefined ? [null] : readCursor(next, 1);
  if (before !== null && Number.isNaN(Date.parse(before ?? ''))) throw invalidCursor();
  const { rows } = await db.query<StoredRegulation>(
    `SELECT ${columns} FROM regulations
      WHERE created_at > $1 AND ($2::text IS NULL OR status = $2) AND ($3::text[] IS NULL OR type = ANY($3))
        AND ($4::text IS NULL OR source_id = $4) AND ($5::timestamptz IS NULL OR created_at < $5)
      ORDER BY created_at DESC LIMIT $6`,
    [
      new Date(clock.now().getTime() - listedDays * 86_400_000),
      status ?? null,
      types ?? null,
      sourceId === null ? '' : (sourceId ?? null),
      before,
      limit + 1,
    ],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(regulationOf),
    next: rows.length > limit && last !== undefined ? writeCursor([last.created_at.toISOString()]) : null,
  };
}

/** Error: `regulation_not_found`. */
export async function getRegulation(db: Queryable, id: string): Promise<Regulation> {
  const { rows } = await db.query<StoredRegulation>(`SELECT ${columns} FROM regulations WHERE id = $1`, [
    id.includes('\0') ? '' : id,
  ]);
  if (rows[0] === undefined) throw new MillraceError('regulation_not_found', `There is no regulation ${id}.`);
  return regulationOf(rows[0]);
}

/** Everybody whose messages are refused, by user id. Error: `cursor_invalid`. */
export async function readSuppressions(
  db: Queryable,
  { limit, next }: { readonly limit: number; readonly next?: string | undefined },
): Promise<Page<Suppression>> {
  const after = next === undefined ? undefined : (readCursor(next, 2) as readonly [string, string]);
  const page = await listSuppressions(db, limit, after);
  return { items: page.items, next: page.next === null ? null : writeCursor(page.next) };
}

const columns = 'id, type, source_id, subject_ids, subjects, status, detail, created_at, started_at, finished_at';

interface StoredRegulation {
  readonly id: string;
  readonly type: RegulationType;
  readonly source_id: string;
  readonly subject_ids: readonly string[] | null;
  readonly subjects: number;
  readonly status: RegulationStatus;
  readonly detail: Regulation['detail'];
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

function regulationOf(row: StoredRegulation): Regulation {
  return {
    id: row.id,
    type: row.type,
    sourceId: row.source_id === '' ? null : row.source_id,
    subjects: row.subjects,
    subjectIds: row.subject_ids ?? [],
    status: row.status,
    detail: row.detail,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

function writeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function readCursor(next: string, length: number): readonly string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(next, 'base64url').toString());
    const texts = Array.isArray(parts) ? parts.filter((part) => typeof part === 'string') : [];
    if (texts.length === length && !texts.some((text) => text.includes('\0'))) return texts;
  } catch {
    // Falls through.
  }
  throw invalidCursor();
}

function invalidCursor(): MillraceError {
  return new MillraceError('cursor_invalid', 'The cursor of the page is not one that this list has given.');
}
