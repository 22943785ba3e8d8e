/**
 * What somebody may mean by a text that is to find a profile. In: the text, and the identifiers of the space. Out: keys to
 * look up, the likeliest first: a segment id; `type:value`; then the whole text as a value of each type, in the order of the
 * space. Pure.
 */
import { type Collection, normalizeValue, type ProfileKey, type SpaceSettings } from '../../../space/space.ts';

export interface Candidate {
  readonly collection: Collection;
  readonly key: ProfileKey;
}

/** A longer value belongs to no profile. */
const longestValue = 500;
const segmentId = /^(?:segment_id:)?((?:use|acc)_[0-9A-Za-z]{27})$/;
const typed = /^([a-z][a-z0-9_.]{0,99}):(.+)$/s;

/** @param only profiles of this collection; left out: of both */
export function candidatesOf(
  given: string,
  { identifiers }: Pick<SpaceSettings, 'identifiers'>,
  only?: Collection,
): readonly Candidate[] {
  const text = given.trim();
  const id = segmentId.exec(text)?.[1];
  if (id !== undefined) return inCollection([{ collection: collectionOf(id), key: { kind: 'segment_id', id } }], only);
  const [, type = '', value = ''] = typed.exec(text) ?? [];
  const rules = identifiers.filter((rule) => rule.type === type);
  // Types that came with messages are in no settings.
  const homes: readonly Collection[] =
    rules.length > 0 ? rules.map(({ collection }) => collection) : ['users', 'accounts'];
  const all = [
    ...(type === '' ? [] : homes.flatMap((collection) => candidate(collection, type, value))),
    ...identifiers.flatMap((rule) => candidate(rule.collection, rule.type, text)),
  ];
  return inCollection(all, only);
}

export function collectionOf(id: string): Collection {
  return id.startsWith('acc_') ? 'accounts' : 'users';
}

function candidate(collection: Collection, type: string, text: string): readonly Candidate[] {
  const value = normalizeValue(type, text);
  if (value === null || value.length > 2 * longestValue) return [];
  return [{ collection, key: { kind: 'identifier', type, value } }];
}

function inCollection(all: readonly Candidate[], only: Collection | undefined): readonly Candidate[] {
  return only === undefined ? all : all.filter(({ collection }) => collection === only);
}
