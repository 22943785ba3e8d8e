/** The common course of an action: check the payload, then the ids and the endpoint, then make the message. */
import type { JsonObject } from '../base/json.ts';
import type { Action, BuildResult } from './destination.ts';
import { isEndpoint } from './endpoints.ts';
import { type Payload, payloadCheck } from './payload.ts';

/** The words an action is made of; `check` gives the reason to refuse, or undefined. */
export interface ActionWords extends Omit<Action, 'build'> {
  readonly check: (payload: Payload, endpoint: string) => string | undefined;
  readonly message: (payload: Payload, endpoint: string) => JsonObject;
}

export function defineAction(words: ActionWords): Action {
  const { check, message, ...action } = words;
  const checked = payloadCheck(action.fields, ['consent']);
  const refused = (reason: string): BuildResult => ({ ok: false, code: 'PAYLOAD_VALIDATION_FAILED', reason });
  return {
    ...action,
    build(payload, settings) {
      const result = checked(payload);
      if (!result.ok) return refused(result.reason);
      const fault = check(result.values, settings.endpoint);
      if (fault !== undefined) return refused(fault);
      const space = result.values.engage_space as string;
      return { ok: true, space, message: message(result.values, settings.endpoint) };
    },
  };
}

/** What identify, group and track need of a person. */
export const someId: Action['needs'] = [{ oneOf: ['user_id', 'anonymous_id'] }];

/** The checks of identify, group and track. */
export function idsAndEndpoint(payload: Payload, endpoint: string): string | undefined {
  if (!payload.anonymous_id && !payload.user_id) return 'Either `Anonymous ID` or `User ID` must be defined.';
  return endpointFault(endpoint);
}

export function endpointFault(endpoint: string): string | undefined {
  return isEndpoint(endpoint) ? undefined : 'A valid endpoint must be selected. Please check your Segment settings.';
}
