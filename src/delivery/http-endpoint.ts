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
 * - Of an endpoint that refuses everything not every message is found out one by one: when it gave the same answer to so many
 *   that were sent alone, and as many others of the request, and took none, calls throw `endpoint_refuses`.
 * - When several requests in a row found the endpoint away, and all their tries are used up, a call of which nothing was
 *   decided throws `endpoint_away`: the rows stay to be done, instead of failing one by one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/errors.ts';
import { cancelled } from './cancelled.ts';
import type { Delivery, Endpoint, Receipt } from './delivery.ts';
import { type Excerpt, excerptOf } from './excerpt.ts';
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
/** Messages that are refused alike before others are looked at, and how many of those. */
const alikeMost = 20;
/** A rest of a request that is no longer than this is looked through one by one. */
const shortRest = 200;

interface Sender {
  readonly client: HttpClient;
  readonly slots: Slots;
  readonly rate: Rate;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly random: () => number;
  /** How many requests in a row used up their tries on an endpoint that was away. */
  away: number;
  /** Of a sender that has not delivered anything yet; null when there are none, or it has. */
  alike: Alike | null;
  hasDelivered: boolean;
  /** Why nothing is sent any more: the endpoint refuses everything. */
  refusal: string | null;
  /** Calls that are still waiting send nothing any more. */
  closed: boolean;
}

/** Messages that were sent alone and got one and the same answer, one after the other. */
interface Alike {
  readonly answer: string;
  readonly messages: number;
}

/** What one call works on. */
interface Call {
  readonly receipts: Receipt[];
  readonly signal: AbortSignal | undefined;
}

/** The part of it that is one request, before it was halved. */
interface RequestCall extends Call {
  readonly request: readonly WireMessage[];
  /** Others of it were looked at already. */
  hasLooked: boolean;
}

export async function openHttpEndpoint(options: HttpEndpointOptions): Promise<Endpoint> {
  const settings = { ...defaultHttpSettings, ...options.settings };
  const { name, trackingUrl, rate, clock, random = Math.random } = options;
  const client = await openHttpClient({ ...settings, trackingUrl });
  const slots = createSlots(settings.connections);
  const sender: Sender = {
    client,
    slots,
    rate,
    clock,
    backoff: settings.backoff,
    random,
    ...{ away: 0, alike: null, hasDelivered: false, refusal: null, closed: false },
  };
  const lanes = createLanes();
  return {
    name,
    maxBatch: maxRequestMessages,
    async deliver(batch, _origin, record, signal) {
      signal?.throwIfAborted();
      throwIfRefusing(sender, [], name);
      const { receipts, bySpace } = writeAll(batch);
      const call: Call = { receipts, signal };
      const sending: Promise<void>[] = [];
      // Before anything is waited for: a later call must find these in their lanes.
      for (const [space, messages] of bySpace) {
        for (const request of splitIntoRequests(messages)) {
          sending.push(
            lanes.run(space, namesOf(request), () =>
              send(sender, { ...call, request, hasLooked: false }, space, request),
            ),
          );
        }
      }
      await Promise.all(sending);
      throwIfRefusing(sender, receipts, name);
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
async function send(sender: Sender, call: RequestCall, space: string, all: readonly WireMessage[]): Promise<void> {
  const messages = unsettled(call, all);
  if (messages.length === 0) return;
  const settle = (receipt: Receipt) => {
    for (const { place } of messages) call.receipts[place] = receipt;
  };
  for (let failed = 1; ; failed++) {
    const { verdict, answer } = await attempt(sender, call, space, messages);
    if (verdict.kind !== 'later' && verdict.kind !== 'cancelled') sender.away = 0;
    switch (verdict.kind) {
      case 'delivered':
        sender.hasDelivered = true;
        return settle(verdict);
      case 'cancelled':
        return settle(cancelled);
      case 'refused': {
        if (!verdict.whole && messages.length > 1) return sendHalves(sender, call, space, messages);
        const { code, reason } = verdict;
        const excerpt = answer?.kind === 'answer' ? excerptOf(answer.text, messages, space) : undefined;
        const why = withExcerpt(reason, excerpt);
        settle({ kind: 'refused', code, reason: why });
        const shown = excerpt?.isPlain === true ? why : `${reason} Send one row by itself to see what it says.`;
        return verdict.whole ? undefined : lookAtOthers(sender, call, space, { why, shown });
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
async function sendHalves(
  sender: Sender,
  call: RequestCall,
  space: string,
  messages: readonly WireMessage[],
): Promise<void> {
  const middle = messages.length >> 1;
  await send(sender, call, space, messages.slice(0, middle));
  await send(sender, call, space, messages.slice(middle));
}

/** After a message that was refused alone: whether the endpoint refuses every other one as well. */
async function lookAtOthers(
  sender: Sender,
  call: RequestCall,
  space: string,
  { why: answer, shown }: { readonly why: string; readonly shown: string },
): Promise<void> {
  if (sender.hasDelivered) return;
  const before = sender.alike?.answer === answer ? sender.alike.messages : 0;
  sender.alike = { answer, messages: before + 1 };
  if (before + 1 < alikeMost || call.hasLooked) return;
  const rest = unsettled(call, call.request);
  if (rest.length <= shortRest) return;
  call.hasLooked = true;
  const others = spreadOver(aboutNobodyElse(rest));
  for (const one of others) await send(sender, call, space, [one]);
  const { messages } = sender.alike;
  if (sender.hasDelivered || sender.alike.answer !== answer || messages < 2 * alikeMost) return;
  sender.refusal = shown;
}

function unsettled({ receipts }: Call, messages: readonly WireMessage[]): readonly WireMessage[] {
  return messages.filter(({ place }) => receipts[place] === cancelled);
}

/** Those that share no name with another, so that they may be sent ahead. */
function aboutNobodyElse(messages: readonly WireMessage[]): readonly WireMessage[] {
  const times = new Map<string, number>();
  for (const { names } of messages) for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
  return messages.filter(({ names }) => [...names].every((name) => times.get(name) === 1));
}

/** So many of them, from all over. */
function spreadOver(messages: readonly WireMessage[]): readonly WireMessage[] {
  if (messages.length <= alikeMost) return messages;
  const step = (messages.length - 1) / (alikeMost - 1);
  return Array.from({ length: alikeMost }, (_, no) => messages[Math.round(no * step)] as WireMessage);
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
    if (signal?.aborted === true || sender.closed || sender.refusal !== null) return { verdict: { kind: 'cancelled' } };
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

function withExcerpt(reason: string, excerpt: Excerpt | undefined): string {
  return excerpt === undefined ? reason : `${reason} It says: "${excerpt.text}"`;
}

function throwIfRefusing({ refusal }: Sender, receipts: readonly Receipt[], name: string): void {
  if (refusal === null || receipts.some(({ kind }) => kind === 'delivered')) return;
  const what = `The endpoint ${name} refuses everything: ${2 * alikeMost} messages that were sent one by one got the same answer, and it took none.`;
  throw new MillraceError('endpoint_refuses', `${what} ${refusal}`);
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
