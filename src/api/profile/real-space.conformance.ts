/** Test support: a space on Postgres behind the API, with a clock that is set by hand. */
import { testDatabase } from '../../../test/database.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';
import {
  createSpaceReader,
  createSpaceWriter,
  deleteIdentifier,
  type IncomingMessage,
  type Outcome,
  type SpaceRef,
  type SpaceSettings,
} from '../../space/space.ts';
import { createSpace } from '../../workspace/workspace.ts';
import { type Answer, type ApiUnderTest, basic, secret, startApi } from './http-client.conformance.ts';

export interface RealSpace extends AsyncDisposable {
  readonly db: Database;
  readonly space: SpaceRef;
  readonly api: ApiUnderTest;
  readonly clock: { now(): Date; set(time: string): void; pass(ms: number): void };
  /** One batch; each message arrives now, unless it says when. */
  send(...messages: readonly (JsonObject & { readonly receivedAt?: string })[]): Promise<readonly Outcome[]>;
  write(batch: readonly IncomingMessage[]): Promise<readonly Outcome[]>;
  /** The answer to a GET below the collections of the space. */
  get(path: string): Promise<Answer>;
  /** All items of a list, by following `cursor.url`. */
  // biome-ignore lint/suspicious/noExplicitAny: items of any shape, looked into by tests
  all(path: string): Promise<any[]>;
  remove(userId: string, body: unknown, path?: string): Promise<Answer>;
}

let named = 0;

export async function openRealSpace(settings: Partial<SpaceSettings> = {}, rate = 0): Promise<RealSpace> {
  const db = await testDatabase();
  named += 1;
  const { id, no, settings: usual } = await createSpace(db.pool, `space-${named}`);
  const space: SpaceRef = { id, no, settings: { ...usual, ...settings } };
  const writer = createSpaceWriter({ db });
  let ms = Date.parse('2026-03-20T12:00:00.000Z');
  const clock = {
    now: () => new Date(ms),
    set: (time: string) => {
      ms = Date.parse(time);
    },
    pass: (passed: number) => {
      ms += passed;
    },
  };
  const api = await startApi({
    reader: createSpaceReader({ db }),
    deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
    spaceNo: no,
    settings: space.settings,
    clock,
    limits: { profileRequestsPerSecond: rate },
  });
  let sent = 0;
  const write = async (batch: readonly IncomingMessage[]) => (await writer.write(space, batch)).outcomes;
  return {
    db,
    space,
    api,
    clock,
    write,
    send: (...messages) =>
      write(
        messages.map(({ receivedAt, ...fields }) => {
          sent += 1;
          const at = receivedAt === undefined ? clock.now() : new Date(receivedAt);
          const message: JsonObject = { messageId: `m-${String(sent).padStart(4, '0')}`, ...fields };
          return { message, receivedAt: at, sourceId: 'src-shop' };
        }),
      ),
    get: (path) => api.profiles(path),
    async all(path) {
      const items: unknown[] = [];
      for (let page = await api.profiles(path); ; ) {
        if (page.status !== 200) throw new Error(`${path}: ${page.text}`);
        items.push(...page.json.data);
        const { url, has_more: more } = page.json.cursor;
        if (!more) return items;
        page = await api.request(new URL(url).pathname + new URL(url).search);
      }
    },
    remove: (userId, body, path = `users/profiles/user_id:${encodeURIComponent(userId)}/external_ids/delete`) =>
      api.profiles(path, {
        method: 'POST',
        headers: { ...basic(secret), 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      await api.serving.close();
      await writer[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
