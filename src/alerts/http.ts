/** One POST, and what its answer means for a notice. Redirects are not followed. */
import { Agent, request } from 'undici';
import type { Outcome, Sending } from './channels.ts';

/** Of the answer so much is read, and thrown away. */
const answerBytes = 64 * 1024;

export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  { patience, signal, now }: Pick<Sending, 'patience' | 'signal' | 'now'>,
): Promise<Outcome> {
  const late = AbortSignal.timeout(patience);
  const agent = new Agent({ connect: { timeout: patience } });
  try {
    const answer = await request(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', 'user-agent': 'Millrace', ...headers },
      dispatcher: agent,
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    });
    // The status is the answer; a body that breaks off changes nothing.
    await answer.body.dump({ limit: answerBytes }).catch(() => undefined);
    return judge(answer.statusCode, answer.headers['retry-after'], now.getTime());
  } catch (error) {
    if (signal?.aborted === true) return { kind: 'retry', answer: 'This process was stopped while it sent.' };
    if (late.aborted) return { kind: 'retry', answer: `No answer within ${patience / 1000} seconds.` };
    return { kind: 'retry', answer: `No connection: ${connectionFault(error)}.` };
  } finally {
    await agent.destroy();
  }
}

function judge(status: number, retryAfter: string | string[] | undefined, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'sent', answer: `It answered ${status}.` };
  if (status >= 300 && status < 400)
    return { kind: 'failed', answer: `It answered ${status}, a redirect, which is not followed: give the final URL.` };
  const again = [408, 423, 425, 429].includes(status) || (status >= 500 && status !== 501);
  if (!again) return { kind: 'failed', answer: `It answered ${status} and will not take this notice.` };
  return { kind: 'retry', answer: `It answered ${status}.`, after: waitOf(String(retryAfter ?? ''), now) };
}

/** A `Retry-After`, in milliseconds: seconds, or a date of HTTP, which is in GMT. 0 when it says nothing. */
function waitOf(text: string, now: number): number {
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2,8}, .* GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? 0 : Math.min(Math.max(0, at - now), 999_999_000);
}

const faults: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it was refused',
  ECONNRESET: 'it was cut off',
  UND_ERR_SOCKET: 'it was cut off',
  UND_ERR_CONNECT_TIMEOUT: 'the host did not answer in time',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
};

/** By code alone: messages may hold the URL. */
export function connectionFault(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (typeof code !== 'string') return 'it failed';
  return faults[code] ?? `it failed (${code})`;
}
