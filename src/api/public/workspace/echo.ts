/** `GET /echo`: says back what it was told, or fails as it was told to: how clients try out what they do then. */
import { setTimeout } from 'node:timers/promises';
import { type InputFault, inputInvalid, type PublicRefusal, refusalOfStatus, serverFault } from '../errors.ts';
import { booleanParameter, numberParameter } from '../parameters.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';

const longestDelayMs = 10_000;
/** Not said back: whoever reads the answer may read less than the request. */
const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

export function echoRoutes(): readonly PublicRoute[] {
  return [{ method: 'GET', url: '/echo', versions: allVersions, needs: 'workspace:read', handle: echo }];
}

async function echo({ query, headers }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const message = query.text('message');
  if (message === undefined || message === '') faults.push({ field: 'message', message: '"message" is required' });
  const delay = numberParameter(query, 'delay', [0, longestDelayMs], faults);
  const isError = booleanParameter(query, 'triggerError', faults);
  const isErrors = booleanParameter(query, 'triggerMultipleErrors', faults);
  const isUnexpected = booleanParameter(query, 'triggerUnexpectedError', faults);
  const status = numberParameter(query, 'statusCode', [200, 599], faults);
  if (faults.length > 0) return inputInvalid(faults);
  if (delay !== undefined) await setTimeout(delay);
  if (isUnexpected) return serverFault;
  const refused = status !== undefined && status >= 400 ? status : isError || isErrors ? 400 : null;
  if (refused !== null) {
    const answer = refusalOfStatus(refused, 'This error was asked for.');
    const [first] = answer.problems;
    return isErrors ? { ...answer, problems: [first, { ...first, message: 'So was this one.' }] } : answer;
  }
  const shown = Object.entries(headers).filter(([name]) => !secretHeaders.has(name));
  return { data: { method: 'get', message, headers: Object.fromEntries(shown) } };
}
