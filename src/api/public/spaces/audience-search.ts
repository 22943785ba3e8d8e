/** How lists of audiences are narrowed down and sorted. In: `search` and `sort` of a query. Pure. */
import type { Computation } from '../../../audience/audience.ts';
import type { InputFault } from '../errors.ts';
import { choiceParameter } from '../parameters.ts';
import type { Query } from '../query.ts';

const searched = ['KEY', 'NAME', 'DEFINITION'] as const;
const longestSearch = 255;

export interface Search {
  readonly type: (typeof searched)[number];
  readonly text: string;
}

/** Null: everything is wanted. */
export function readSearch(query: Query, faults: InputFault[]): Search | null {
  const before = faults.length;
  const type = choiceParameter(query, 'search.type', searched, faults);
  const text = query.text('search.query');
  const isUnread = faults.length > before;
  if (text !== undefined && [...text].length > longestSearch) {
    const message = `"search.query" must have at most ${longestSearch} characters`;
    faults.push({ field: 'search.query', message });
  }
  if (type === undefined && text !== undefined && !isUnread) {
    faults.push({ field: 'search.type', message: '"search.type" is required' });
  }
  if (type !== undefined && text === undefined) {
    faults.push({ field: 'search.query', message: '"search.query" is required' });
  }
  return type === undefined || text === undefined ? null : { type, text: text.toLowerCase() };
}

/** Keys by how they begin, names and queries by what they hold; capital letters are small ones. */
export function matchesSearch({ type, text }: Search, { key, name, query }: Computation): boolean {
  switch (type) {
    case 'KEY':
      return key.startsWith(text);
    case 'NAME':
      return name.toLowerCase().includes(text);
    case 'DEFINITION':
      return query.toLowerCase().includes(text);
  }
}

const sortedBy = ['CREATED_AT', 'NAME', 'UPDATED_AT'] as const;

/** They come by creation; in that order stay those that are equal otherwise. */
export function sortedAs(query: Query, all: readonly Computation[], faults: InputFault[]): readonly Computation[] {
  const field = choiceParameter(query, 'sort.field', sortedBy, faults) ?? 'CREATED_AT';
  const isDown = choiceParameter(query, 'sort.direction', ['ASC', 'DESC'], faults) === 'DESC';
  const compare: Readonly<Record<(typeof sortedBy)[number], (a: Computation, b: Computation) => number>> = {
    CREATED_AT: (a, b) => a.createdAt.getTime() - b.createdAt.getTime(),
    NAME: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
    UPDATED_AT: (a, b) => a.updatedAt.getTime() - b.updatedAt.getTime(),
  };
  const sorted = [...all].sort(compare[field]);
  return isDown ? sorted.reverse() : sorted;
}
