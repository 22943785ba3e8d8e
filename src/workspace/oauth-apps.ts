/**
 * OAuth apps: programs that prove who they are with a key, and get access tokens for the Tracking API. In: names, public
 * keys, event streams. Out: apps with their keys. Promised: an app has at most two keys; a key or an app that is removed
 * takes its tokens with it, in the same commit; so does every change its note in the audit trail.
 */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';
import { type Actor, commandLine, recordAudit } from './audit.ts';
import { findEventStream } from './event-streams.ts';
import { changeWorkspace } from './lock.ts';
import { namesOf, notFound } from './lookup.ts';
import { checkName, isName } from './names.ts';
import { type PublicKey, readPublicKey } from './public-keys.ts';

/** What an access token may be used for. */
export type OauthScope = 'tracking_api:write';

/** The lives of access tokens that an app can have, in days. */
export const tokenDays = [1, 2, 3, 7, 14, 21, 30] as const;
export type TokenDays = (typeof tokenDays)[number];

export interface OauthKey {
  /** `oak_…`: the `kid` of its assertions. */
  readonly id: string;
  /** SHA-256 of the key, in hex. */
  readonly fingerprint: string;
  readonly createdAt: Date;
}

export interface OauthApp {
  /** `oap_…`: the `sub` of its assertions. */
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly OauthScope[];
  readonly tokenDays: TokenDays;
  /** The event streams it may write to, by name; null: all. Empty when those it had are gone. */
  readonly streams: readonly string[] | null;
  /** Oldest first. */
  readonly keys: readonly OauthKey[];
  readonly createdAt: Date;
}

export interface NewOauthApp {
  readonly name: string;
  /** In PEM; none, one or two. */
  readonly keys: readonly string[];
  readonly scopes: readonly string[];
  readonly tokenDays: TokenDays;
  /** By name, id or write key; empty: all. */
  readonly streams: readonly string[];
}

const mostKeys = 2;

const select = `
  SELECT a.id, a.name, a.scopes, a.token_days AS "tokenDays", a.created_at AS "createdAt",
    CASE WHEN a.stream_ids IS NOT NULL THEN
      array(SELECT e.name FROM event_streams e WHERE e.id = ANY (a.stream_ids) ORDER BY e.name)
    END AS streams,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'fingerprint', encode(k.fingerprint, 'hex'),
                                                  'createdAt', k.created_at) ORDER BY k.created_at, k.id), '[]')
     FROM oauth_keys k WHERE k.app_id = a.id) AS keys
  FROM oauth_apps a`;

function toApp(row: OauthApp): OauthApp {
  return { ...row, keys: row.keys.map((key) => ({ ...key, createdAt: new Date(key.createdAt) })) };
}

/** Errors: `name_invalid`, `name_taken`, `oauth_scope_unsupported`, `oauth_key_…`, `not_found` (an event stream). */
export async function createOauthApp(db: Database, wanted: NewOauthApp, actor: Actor = commandLine): Promise<OauthApp> {
  const { name, tokenDays } = wanted;
  checkName('OAuth app', name);
  const scopes = [...new Set(wanted.scopes.map(checkScope))];
  const keys = wanted.keys.map(readPublicKey);
  return changeWorkspace(db, async (tx) => {
    const streamIds = new Set<string>();
    for (const stream of wanted.streams) streamIds.add((await findEventStream(tx, stream)).id);
    const id = newId('oap');
    const { rowCount } = await tx.query(
      `INSERT INTO oauth_apps (id, name, scopes, token_days, stream_ids, created_at)
       VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT (name) DO NOTHING`,
      [id, name, scopes, tokenDays, streamIds.size === 0 ? null : [...streamIds]],
    );
    if (rowCount !== 1) throw new MillraceError('name_taken', `There is an OAuth app "${name}" already.`);
    for (const key of keys) await insertKey(tx, await findOauthApp(tx, id), key);
    await note(tx, actor, 'OAuth App Created', { id, name });
    return findOauthApp(tx, id);
  });
}

async function note(
  tx: Transaction,
  actor: Actor,
  type: string,
  { id, name }: { readonly id: string; readonly name: string },
): Promise<void> {
  await recordAudit(tx, actor, [{ type, resourceType: 'oauth_app', resourceId: id, resourceName: name }]);
}

function checkScope(scope: string): OauthScope {
  if (scope === 'tracking_api:write') return scope;
  throw new MillraceError('oauth_scope_unsupported', `The scope ${JSON.stringify(scope)} is not offered here.`);
}

/** In the order of names. */
export async function listOauthApps(db: Queryable): Promise<readonly OauthApp[]> {
  const { rows } = await db.query<OauthApp>(`${select} ORDER BY a.name`);
  return rows.map(toApp);
}

/** An id goes before a name. Error: `not_found`. */
export async function findOauthApp(db: Queryable, nameOrId: string): Promise<OauthApp> {
  // Postgres cannot take NUL in a text.
  const asked = isName(nameOrId) || isOauthId('oap', nameOrId) ? nameOrId : '';
  const { rows } = await db.query<OauthApp>(
    `${select} WHERE a.id = $1 OR a.name = $1 ORDER BY a.id = $1 DESC LIMIT 1`,
    [asked],
  );
  if (rows[0] === undefined) {
    const known = await namesOf(db, 'oauth_apps');
    if (known.length > 0) throw notFound('OAuth app', nameOrId, known);
    throw new MillraceError('not_found', `There is no OAuth app "${nameOrId}".`, {
      help: 'There is none at all yet; make one: millrace oauth-app create NAME --key FILE',
    });
  }
  return toApp(rows[0]);
}

/** The id and the app as it is then. Errors: `not_found`, `oauth_key_invalid`, `oauth_keys_full`, `oauth_key_taken`. */
export async function addOauthKey(
  db: Database,
  nameOrId: string,
  pem: string,
  actor: Actor = commandLine,
): Promise<{ readonly keyId: string; readonly app: OauthApp }> {
  const key = readPublicKey(pem);
  return changeWorkspace(db, async (tx) => {
    const app = await findOauthApp(tx, nameOrId);
    const keyId = await insertKey(tx, app, key);
    await note(tx, actor, 'OAuth Key Created', app);
    return { keyId, app: await findOauthApp(tx, app.id) };
  });
}

async function insertKey(tx: Transaction, app: OauthApp, { pem, fingerprint }: PublicKey): Promise<string> {
  const same = app.keys.find((key) => key.fingerprint === fingerprint.toString('hex'));
  if (same !== undefined) {
    throw new MillraceError('oauth_key_taken', `The OAuth app "${app.name}" has this key already, as ${same.id}.`);
  }
  if (app.keys.length >= mostKeys) {
    throw new MillraceError('oauth_keys_full', `The OAuth app "${app.name}" has ${mostKeys} keys already.`, {
      help: `Remove one first: millrace oauth-app remove-key ${app.name} ${app.keys[0]?.id}`,
    });
  }
  const id = newId('oak');
  // The time of the statement: two keys of one transaction keep their order.
  await tx.query(
    `INSERT INTO oauth_keys (id, app_id, pem, fingerprint, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())`,
    [id, app.id, pem, fingerprint],
  );
  return id;
}

/** Ends the tokens it was shown for. Returns the app as it is then. Error: `not_found` (the app, the key). */
export async function removeOauthKey(
  db: Database,
  nameOrId: string,
  keyId: string,
  actor: Actor = commandLine,
): Promise<OauthApp> {
  return changeWorkspace(db, async (tx) => {
    const app = await findOauthApp(tx, nameOrId);
    if (!app.keys.some(({ id }) => id === keyId)) {
      const ids = app.keys.map(({ id }) => id).join(' and ');
      throw new MillraceError('not_found', `The OAuth app "${app.name}" has no key "${keyId}".`, {
        help: app.keys.length === 0 ? 'It has none.' : `It has ${ids}.`,
      });
    }
    await tx.query('DELETE FROM oauth_keys WHERE id = $1', [keyId]);
    await note(tx, actor, 'OAuth Key Deleted', app);
    return findOauthApp(tx, app.id);
  });
}

/** Ends its tokens. Error: `not_found`. */
export async function removeOauthApp(db: Database, id: string, actor: Actor = commandLine): Promise<void> {
  await changeWorkspace(db, async (tx) => {
    const app = await findOauthApp(tx, id);
    // The keys first, as who issues a token locks them: in another order the two could wait for each other.
    await tx.query('DELETE FROM oauth_keys WHERE app_id = $1', [app.id]);
    await tx.query('DELETE FROM oauth_apps WHERE id = $1', [app.id]);
    await note(tx, actor, 'OAuth App Deleted', app);
  });
}

export function isOauthId(prefix: 'oap' | 'oak', text: string): boolean {
  return text.startsWith(`${prefix}_`) && /^[a-z]{3}_[0-9A-Za-z]{27}$/.test(text);
}
