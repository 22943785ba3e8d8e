/** What the Tracking API answers (`docs/tracking-api.md`, "Answers"). Bodies are finished texts; every answer speaks CORS. */
import type { FastifyReply } from 'fastify';
import { sendJson } from '../profile/errors.ts';

export type TrackingError =
  | 'exceed_payload_limit'
  | 'invalid_json'
  | 'invalid_request'
  | 'unsupported_content_type'
  | 'missing_write_key'
  | 'unauthorized'
  | 'forbidden'
  | 'rate_limited'
  | 'unavailable';

export interface TrackingRefusal {
  readonly kind: 'refusal';
  readonly status: number;
  readonly error: TrackingError;
  readonly message: string;
  /** Seconds to wait, on 429. */
  readonly retryAfter?: number;
  /** The body was not read to its end, so the connection is of no further use. */
  readonly closes?: boolean;
}

export const tooLarge: TrackingRefusal = {
  kind: 'refusal',
  status: 400,
  error: 'exceed_payload_limit',
  message: 'Exceed payload limit',
};
export const unavailable: TrackingRefusal = {
  kind: 'refusal',
  status: 503,
  error: 'unavailable',
  message: 'The messages could not be stored just now; send them again.',
};
export const writeKeyUnknown: TrackingRefusal = {
  kind: 'refusal',
  status: 401,
  error: 'unauthorized',
  message: 'No event stream has this write key.',
};
export const writeKeyMissing: TrackingRefusal = {
  kind: 'refusal',
  status: 400,
  error: 'missing_write_key',
  message: 'The write key is missing: send it as the user name of HTTP Basic, or as writeKey in the body.',
};

export const tokenInvalid: TrackingRefusal = {
  kind: 'refusal',
  status: 401,
  error: 'unauthorized',
  message: 'The access token is missing, wrong or expired.',
};
export const scopeMissing: TrackingRefusal = {
  kind: 'refusal',
  status: 403,
  error: 'forbidden',
  message: 'The access token lacks the scope tracking_api:write.',
};

export function badBody(error: TrackingError, message: string): TrackingRefusal {
  return { kind: 'refusal', status: 400, error, message };
}

/** Longest time a sender is told to wait; the official clients wait no longer either. */
const longestWait = 300;

export function rateLimited(seconds: number, message: string): TrackingRefusal {
  const retryAfter = Math.min(longestWait, Math.max(1, Math.ceil(seconds)));
  return { kind: 'refusal', status: 429, error: 'rate_limited', message, retryAfter };
}

const success = '{"success":true}';

export function accept(reply: FastifyReply): FastifyReply {
  return sendJson(reply, 200, success);
}

export function refuseTracking(reply: FastifyReply, refusal: TrackingRefusal): FastifyReply {
  const { status, error, message, retryAfter, closes } = refusal;
  if (closes === true) reply.header('Connection', 'close');
  if (retryAfter !== undefined) {
    // Pages may read these two headers only when they are told so.
    reply
      .header('Retry-After', retryAfter)
      .header('X-RateLimit-Reset', retryAfter)
      .header('Access-Control-Expose-Headers', 'Retry-After, X-RateLimit-Reset');
  }
  return sendJson(reply, status, JSON.stringify({ success: false, error, message }));
}
