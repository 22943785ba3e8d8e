/**
 * Messages put together into requests. In: messages of one space, in order. Out: requests of neighbours, none over the
 * limits of a Tracking API. Pure.
 */
import { maxRequestBytes, maxRequestMessages } from './limits.ts';
import type { WireMessage } from './wire-message.ts';

const head = '{"batch":[';
const tailOf = (sentAt: string) => `],"sentAt":"${sentAt}"}`;
const envelopeBytes = Buffer.byteLength(head + tailOf(new Date(0).toISOString()));

export function splitIntoRequests(messages: readonly WireMessage[]): readonly (readonly WireMessage[])[] {
  const requests: WireMessage[][] = [];
  let request: WireMessage[] = [];
  let bytes = envelopeBytes;
  for (const message of messages) {
    const more = message.bytes + (request.length === 0 ? 0 : 1);
    if (request.length > 0 && (request.length === maxRequestMessages || bytes + more > maxRequestBytes)) {
      requests.push(request);
      request = [];
      bytes = envelopeBytes;
    }
    bytes += message.bytes + (request.length === 0 ? 0 : 1);
    request.push(message);
  }
  if (request.length > 0) requests.push(request);
  return requests;
}

/**
 * The body of a request. `sentAt` is the time of this very try: the receiver takes the difference to its own clock out of
 * the times of the messages, and a wait between two tries must not count as such.
 */
export function bodyOf(messages: readonly WireMessage[], sentAt: Date): string {
  let texts = '';
  for (const { text } of messages) texts += texts === '' ? text : `,${text}`;
  return head + texts + tailOf(sentAt.toISOString());
}
