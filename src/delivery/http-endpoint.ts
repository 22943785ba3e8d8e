/**
 * The Tracking API of a region, over HTTP. In: messages, each with the write key of its space. Out: a receipt for each.
 *
 * Promised, beside what every endpoint promises:
 *
 * - A message is written as JSON once: every try sends the same bytes, under the same message id. What was accepted and could
 *   not be recorded (a crash, a lost answer) may arrive again, and the receiver knows it by its id.
 * - Order. Requests that name a common person or group (user id, anonymous id, e-mail, external id; the group of a Group message)
 *   follow each other, in one call and across calls, tries included. Others run side by side over a few connections, and may
 *   arrive in any order: they are about different people. A receiver may still sort messages by their times.
 * - A request that is refused for the sake of some of its messages is halved until those are found. One that is refused for its key
 *   or its address is not.
 * - After the signal nothing more is sent. What is on its way may be answered for a short while, and counts; of the rest nobody
 *   knows, so it stays to be done (`cancelled`).
 * - When several requests in a row found the endpoint away, and all their tries are used up, a call of which nothing was
 *   decided throws `endpoint_away`: the rows stay to be done, instead of failing one by one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/errors.ts';
import { cancelled } from './cancelled.ts';
import type { Delivery, Endpoint, Receipt } from './delivery.ts';
import { excerptOf } from './excerpt.ts';
import { type Answer, type HttpClient, type HttpClientOptions, openHttpClient } from './http-client.ts';
import { createLanes } from './lanes.ts';
import { maxRequestMessages } from './limits.ts';
import type { Rate } from './rate.ts';
import { bodyOf, splitIntoRequests } from './requests.ts';
import { type Backoff, usualBackoff, waitBeforeNext } from './retry.ts';
import { createSlots, type Slots } from './slots.ts';
import { type Verdict, verdictOn } from './verdict.ts';
import { type WireMessage, writeMessage } from './wire-message.ts';

export interface HttpSettings extends Omit<HttpClientOptions, 'trackingUrl'> {
  readonly backoff: Backoff;
}

export const defaultHttpSettings: HttpSettings = {
  connections: 8,
  timeoutMs: 30_000,
  graceMs: 5_000,
  backoff: usualBackoff,
};

export interface HttpEndpointOptions {
  readonly name: string;
  /** Base URL, e.g. `https://api.segment.io/v1`. */
  readonly trackingUrl: string;
  readonly rate: Rate;
  readonly clock: Clock;
  readonly settings?: Partial<HttpSettings>;
  /** From 0 up to 1; for the length of waits. */
  readonly random?: () => number;
}

/** Requests in a row that find the endpoint away before a call throws. */
const awayAfter = 3;

interface Sender {
  readonly client: HttpClient;
  readonly slots: Slots;
  readonly rate: Rate;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly random: () => number;
  /** How many requests in a row used up their tries on an endpoint that was away. */
  away: number;
  /** Calls that are still waiting send nothing any more. */
  closed: boolean;
}

/** What one call works on. */
interface Call {
  readonly receipts: Receipt[];
  readonly signal: AbortSignal | undefined;
}

export async function openHttpEndpoint(options: HttpEndpointOptions): Promise<Endpoint> {
  const settings = { ...defaultHttpSettings, ...options.settings };
  const { name, trackingUrl, rate, clock, random = Math.random } = options;
  const client = await openHttpClient({ ...settings, trackingUrl });
  const slots = createSlots(settings.connections);
  const sender: Sender = { client, slots, rate, clock, backoff: settings.backoff, random, away: 0, closed: false };
  const lanes = createLanes();
  return {
    name,
    maxBatch: maxRequestMessages,
    async deliver(batch, _origin, record, signal) {
      signal?.throwIfAborted();
      const { receipts, bySpace } = writeAll(batch);
      const call: Call = { receipts, signal };
      const sending: Promise<void>[] = [];
      // Before anything is waited for: a later call must find these in their lanes.
      for (const [space, messages] of bySpace) {
        for (const request of splitIntoRequests(messages)) {
          sending.push(lanes.run(space, namesOf(request), () => send(sender, call, space, request)));
        }
      }
      await Promise.all(sending);
      throwIfAway(sender, receipts, signal, name);
      await record(receipts, undefined);
      return receipts;
    },
    async [Symbol.asyncDispose]() {
      sender.closed = true;
      await client[Symbol.asyncDispose]();
    },
  };
}

/** Of a plan: says of each message whether it could be sent, and sends none. */
export function openDryEndpoint(name: string): Endpoint {
  return {
    name,
    maxBatch: maxRequestMessages,
    async deliver(batch, _origin, record, signal) {
      signal?.throwIfAborted();
      const receipts = batch.map(({ message }, place): Receipt => {
        const written = writeMessage(message, place);
        return written.ok ? { kind: 'delivered' } : written.receipt;
      });
      await record(receipts, undefined);
      return receipts;
    },
    async [Symbol.asyncDispose]() {},
  };
}

function writeAll(batch: readonly Delivery[]) {
  const bySpace = new Map<string, WireMessage[]>();
  const receipts = batch.map(({ space, message }, place): Receipt => {
    const written = writeMessage(message, place);
    if (!written.ok) return written.receipt;
    const messages = bySpace.get(space);
    if (messages === undefined) bySpace.set(space, [written.wire]);
    else messages.push(written.wire);
    return cancelled;
  });
  return { receipts, bySpace };
}

function namesOf(messages: readonly WireMessage[]): ReadonlySet<string> {
  const all = new Set<string>();
  for (const { names } of messages) for (const name of names) all.add(name);
  return all;
}

/** Sends messages until each has its receipt. Never rejects. */
async function send(sender: Sender, call: Call, space: string, messages: readonly WireMessage[]): Promise<void> {
  const settle = (receipt: Receipt) => {
    for (const { place } of messages) call.receipts[place] = receipt;
  };
  for (let failed = 1; ; failed++) {
    const { verdict, answer } = await attempt(sender, call, space, messages);
    if (verdict.kind !== 'later' && verdict.kind !== 'cancelled') sender.away = 0;
    switch (verdict.kind) {
      case 'delivered':
      case 'cancelled':
        return settle(verdict.kind === 'delivered' ? verdict : cancelled);
      case 'refused': {
        if (!verdict.whole && messages.length > 1) return sendHalves(sender, call, space, messages);
        const { code, reason } = verdict;
        return settle({ kind: 'refused', code, reason: withExcerpt(reason, answer, messages) });
      }
      case 'later': {
        const wait = waitBeforeNext(failed, verdict.askedMs, sender.random(), sender.backoff);
        if (wait === null) {
          sender.away = verdict.away ? sender.away + 1 : 0;
          return settle(verdict.receipt);
        }
        // Who asks to be left alone means every request.
        if (verdict.askedMs !== undefined) sender.rate.pause(verdict.askedMs);
        await pause(wait, call.signal);
        break;
      }
      default:
        verdict satisfies never;
    }
  }
}

/** One after the other: the first half may name people of the second. */
async function sendHalves(sender: Sender, call: Call, space: string, messages: readonly WireMessage[]): Promise<void> {
  const middle = messages.length >> 1;
  await send(sender, call, space, messages.slice(0, middle));
  await send(sender, call, space, messages.slice(middle));
}

interface Attempt {
  readonly verdict: Verdict;
  readonly answer?: Answer;
}

async function attempt(
  sender: Sender,
  { signal }: Call,
  space: string,
  messages: readonly WireMessage[],
): Promise<Attempt> {
  const { client, slots, rate, clock } = sender;
  const giveBack = await slots.take();
  try {
    await rate.take(signal);
    if (signal?.aborted === true || sender.closed) return { verdict: { kind: 'cancelled' } };
    const answer = await client.post(bodyOf(messages, clock.now()), space, signal);
    return { verdict: verdictOn(answer, clock.now()), answer };
  } catch (error) {
    // Its text may quote anything; the kind of error has to do.
    const reason = `Sending failed in a way that no network does (${error instanceof Error ? error.name : typeof error}).`;
    const receipt: Receipt = { kind: 'later', code: 'send_failed', reason };
    return { verdict: { kind: 'later', receipt, askedMs: undefined, away: false } };
  } finally {
    giveBack();
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

function withExcerpt(reason: string, answer: Answer | undefined, messages: readonly WireMessage[]): string {
  const excerpt = answer?.kind === 'answer' ? excerptOf(answer.text, messages) : undefined;
  return excerpt === undefined ? reason : `${reason} It says: "${excerpt}"`;
}

function throwIfAway(
  sender: Sender,
  receipts: readonly Receipt[],
  signal: AbortSignal | undefined,
  name: string,
): void {
  const [first] = receipts;
  if (sender.away < awayAfter || first?.kind !== 'later' || signal?.aborted === true) return;
  if (receipts.some(({ kind }) => kind !== 'later')) return;
  throw new MillraceError('endpoint_away', `The endpoint ${name} takes nothing at present. ${first.reason}`);
}
