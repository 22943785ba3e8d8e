/** What an answer means for the request it answers: the receipt of `retry.ts`, and what is to be done about it. Pure. */
import { isJsonObject } from '../base/json.ts';
import type { Receipt } from './delivery.ts';
import type { Answer } from './http-client.ts';
import { receiptOf, retryAfter } from './retry.ts';

export type Verdict =
  | { readonly kind: 'delivered' }
  /** To be tried again. `askedMs`: not sooner than that. `away`: the endpoint as a whole takes nothing. */
  | {
      readonly kind: 'later';
      readonly receipt: Receipt;
      readonly askedMs: number | undefined;
      readonly away: boolean;
    }
  /** Final. `whole`: it is about the request, not about some of its messages. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string; readonly whole: boolean }
  | { readonly kind: 'cancelled' };

/** The key, the address or the kind of request is wrong: any half of it would be answered in the same way. */
const aboutTheRequest: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 426, 501]);
/** Not 500: a single message may bring that about. */
const saysAway: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function verdictOn(answer: Answer, now: Date): Verdict {
  if (answer.kind === 'cancelled') return answer;
  const receipt = receiptOf(answer);
  switch (receipt.kind) {
    case 'delivered':
      return answer.kind === 'answer' ? verdictOnSuccess(answer) : receipt;
    case 'later': {
      const asked = answer.kind === 'answer' ? retryAfter(answer.retryAfter, now) : undefined;
      const away = answer.kind === 'network' || saysAway.has(answer.status);
      return { kind: 'later', receipt: away ? { ...receipt, away } : receipt, askedMs: asked, away };
    }
    case 'refused': {
      const status = answer.kind === 'answer' ? answer.status : 0;
      const whole = aboutTheRequest.has(status) || (status >= 300 && status < 400);
      return { kind: 'refused', code: receipt.code, reason: receipt.reason, whole };
    }
    default:
      return receipt satisfies never;
  }
}

/** A page, or an answer that says it failed, is no delivery, whatever its status. */
function verdictOnSuccess({ status, contentType, text }: Extract<Answer, { readonly kind: 'answer' }>): Verdict {
  if (/^\s*text\/html\b/i.test(contentType)) {
    const reason = `The endpoint answered ${status} with a web page, which no Tracking API does. Check the tracking URL of the destination.`;
    return { kind: 'refused', code: 'not_a_tracking_api', reason, whole: true };
  }
  if (saysFailure(text)) {
    const reason = `The endpoint answered ${status}, and in the body that it failed.`;
    return { kind: 'refused', code: `http_${status}_failure`, reason, whole: false };
  }
  return { kind: 'delivered' };
}

function saysFailure(text: string): boolean {
  if (!text.includes('"success"')) return false;
  try {
    const body: unknown = JSON.parse(text);
    return isJsonObject(body) && body.success === false;
  } catch {
    return false;
  }
}
