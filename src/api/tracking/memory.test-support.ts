/** Test support: the Tracking API over an inlet and a discard log in memory, with a clock that tests can set. */

import { MillraceError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { createLog, type Log } from '../../base/log.ts';
import type { IncomingMessage, Inlet, Outcome, SpaceRef } from '../../space/space.ts';
import { defaultSpaceSettings } from '../../space/space.ts';
import type { CountedEvent, DiscardLog, EventStream, Space } from '../../workspace/workspace.ts';
import { buildApi } from '../api.ts';
import { MemorySpace } from '../profile/memory-space.conformance.ts';
import { type Serving, serve } from '../server.ts';
import type { TrackingDeps } from './tracking.ts';

/** Keeps what it is given. It can be told to hold its answers, to be full, or to fail. */
export class MemoryInlet implements Inlet {
  readonly taken: {
    readonly space: SpaceRef;
    readonly messages: readonly IncomingMessage[];
    readonly bytes: number;
  }[] = [];
  mode: 'take' | 'hold' | 'full' | 'fail' = 'take';
  /** A space that is full, whatever the mode. */
  fullSpace: string | null = null;
  #held: (() => void)[] = [];

  async take(space: SpaceRef, messages: readonly IncomingMessage[], bytes: number): Promise<readonly Outcome[]> {
    if (this.mode === 'full' || space.id === this.fullSpace) throw new MillraceError('inlet_full', 'Full.');
    if (this.mode === 'fail') {
      throw Object.assign(new Error('invalid value "canary@example.org"'), { code: '22P02', severity: 'ERROR' });
    }
    if (this.mode === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve));
    this.taken.push({ space, messages, bytes });
    return messages.map(() => ({ kind: 'applied', profileId: 'use_1' }));
  }

  /** Lets everything go that is held. */
  release(): void {
    this.mode = 'take';
    for (const go of this.#held.splice(0)) go();
  }

  get holding(): number {
    return this.#held.length;
  }

  /** Every message of a space, in order. */
  messages(spaceId = 'spa_main'): readonly IncomingMessage[] {
    return this.taken.filter(({ space }) => space.id === spaceId).flatMap(({ messages }) => messages);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export class MemoryDiscards implements DiscardLog {
  readonly notes: { streamId: string; code: string; messageId: string | null; count: number }[] = [];
  /** As far as they could be read; in the order of the notes. */
  readonly events: (CountedEvent | undefined)[] = [];

  note(streamId: string, code: string, messageId: string | null, count: number, event?: CountedEvent): void {
    this.notes.push({ streamId, code, messageId, count });
    this.events.push(event);
  }

  get codes(): readonly string[] {
    return this.notes.map(({ code }) => code);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export const writeKey = 'wk_site';

function space(name: string, no: number): Space {
  return {
    id: `spa_${name}`,
    no,
    name,
    title: null,
    sourceName: `Engage (${name})`,
    settings: defaultSpaceSettings(),
    writeKey: `wk_space_${name}`,
    createdAt: new Date(0),
  };
}

export const mainSpace = space('main', 1);
export const otherSpace = space('other', 2);

export const site: EventStream = {
  id: 'evs_site',
  name: 'site',
  title: null,
  writeKey,
  moreWriteKeys: [],
  spaces: [mainSpace],
  enabled: true,
  clientSide: false,
  createdAt: new Date(0),
  oauthEnforced: false,
};

export const streams: readonly EventStream[] = [
  site,
  { ...site, id: 'evs_off', name: 'off', writeKey: 'wk_off', enabled: false },
  { ...site, id: 'evs_web', name: 'web', writeKey: 'wk_web', clientSide: true },
  { ...site, id: 'evs_both', name: 'both', writeKey: 'wk_both', spaces: [mainSpace, otherSpace] },
  { ...site, id: 'evs_guarded', name: 'guarded', writeKey: 'wk_guarded', oauthEnforced: true },
];

export const receivedAt = new Date('2025-11-20T09:15:05.000Z');

export interface TrackingUnderTest {
  readonly app: Awaited<ReturnType<typeof buildApi>>;
  readonly inlet: MemoryInlet;
  readonly discards: MemoryDiscards;
  /** The time it is for the API. */
  readonly clock: { at: Date; now(): Date };
  /** A POST of JSON with the write key in HTTP Basic, unless it is said otherwise. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<TrackingAnswer>;
  /** Starts to listen on loopback. */
  listen(): Promise<Serving>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TrackingAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: string;
  readonly json: JsonObject;
}

export type TrackingTestDeps = Partial<Omit<TrackingDeps, 'inlet' | 'discards' | 'log' | 'clock'>> & {
  readonly log?: Log;
  readonly requestTimeoutMs?: number;
};

export function basicKey(key: string): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` };
}

export async function buildTracking({
  log,
  requestTimeoutMs = 30_000,
  ...deps
}: TrackingTestDeps = {}): Promise<TrackingUnderTest> {
  const inlet = new MemoryInlet();
  const discards = new MemoryDiscards();
  const clock = { at: receivedAt, now: () => clock.at };
  const app = await buildApi({
    reader: new MemorySpace().reader(),
    deleteIdentifier: async () => 'profile_not_found',
    verifyToken: async () => null,
    findSpace: async () => null,
    log: log ?? createLog({ level: 'silent' }),
    clock,
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
    requestTimeoutMs,
    tracking: {
      findStream: async (key) => streams.find((stream) => stream.writeKey === key) ?? null,
      inlet,
      discards,
      requestsPerSecond: 0,
      strictItemSize: false,
      rejectUnknownWriteKey: false,
      ...deps,
    },
  });
  return {
    app,
    inlet,
    discards,
    clock,
    async post(path, body, headers = {}) {
      const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      const sent = { 'content-type': 'application/json', ...basicKey(writeKey), ...headers };
      const answer = await app.inject({ method: 'POST', url: path, headers: sent, payload });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: answer.body,
        json: JSON.parse(answer.body) as JsonObject,
      };
    },
    listen: () => serve(app, { host: '127.0.0.1', port: 0 }),
    close: () => app.close(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** `text` with so many levels of objects around it. */
export function nested(levels: number, text = '1'): string {
  return '{"a":'.repeat(levels) + text + '}'.repeat(levels);
}

/** A track whose JSON has exactly this many bytes. */
export function trackOfSize(bytes: number, fields: JsonObject = {}): string {
  const make = (filler: string) =>
    JSON.stringify({ type: 'track', userId: 'u', event: 'Big', properties: { filler }, ...fields });
  return make('x'.repeat(bytes - Buffer.byteLength(make(''))));
}
