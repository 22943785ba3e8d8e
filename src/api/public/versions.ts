/**
 * The versions of the Public API. In: the `Accept` header and the versions of an endpoint. Out: the type of the answer: a
 * vendor type when one was asked for by one of its two spellings, else `application/json; charset=utf-8`.
 */
import { notAcceptable, type PublicRefusal } from './errors.ts';

export type Version = 'stable' | 'beta' | 'alpha';

/** What is offered as stable is offered as everything. */
export const allVersions: readonly Version[] = ['stable', 'beta', 'alpha'];

/** As the clients spell it, and as the documentation of the vendor does. */
const spellings: Readonly<Record<Version, readonly string[]>> = {
  stable: ['v1', 'stable'],
  beta: ['v1beta', 'beta'],
  alpha: ['v1alpha', 'alpha'],
};
const mediaType = (spelling: string): string => `application/vnd.segment.${spelling}+json`;
const plain = 'application/json; charset=utf-8';

/** Only a version that is not offered is refused: whoever asks for another kind of document gets JSON. */
export function answerType(accept: string | undefined, offered: readonly Version[]): string | PublicRefusal {
  const ranges = (accept ?? '').split(',').map((range) => (range.split(';', 1)[0] as string).trim().toLowerCase());
  const types = offered.flatMap((version) => spellings[version].map(mediaType));
  let isRefused = false;
  for (const range of ranges) {
    if (types.includes(range)) return range;
    if (!range.startsWith('application/vnd.segment.')) return plain;
    isRefused = true;
  }
  return isRefused ? notAcceptable(types[0] as string) : plain;
}
