/** What the form of audiences shows of their language is the language of the server; and so is the key it tells. */
import { expect, test } from 'vitest';
import { keyOf as keyOfServer } from '../../src/audience/keys.ts';
import { compileQuery } from '../../src/audience/query/compile.ts';
import { keyOf } from '../../web/src/pages/unify/audience/key.ts';
import { beginnings, examplesOf, followers } from '../../web/src/pages/unify/audience/language.ts';

const uses = (['audience', 'computed_trait'] as const).flatMap((kind) =>
  (['USERS', 'ACCOUNTS'] as const).map((entity) => ({ kind, entity })),
);

test.each(uses)('every example of $kind for $entity compiles', ({ kind, entity }) => {
  const examples = examplesOf(kind, entity);
  expect(examples.length).toBeGreaterThan(2);
  const faults = examples.flatMap(({ title, query }) => {
    const compiled = compileQuery(query, { kind, entity });
    return compiled.kind === 'faulty' ? [[title, compiled.faults]] : [];
  });
  expect(faults).toEqual([]);
});

/** A snippet as it is when nothing of it is changed. */
const written = (snippet: string) =>
  snippet.replace(/#\{([^}]*)\}/g, (_, name: string) => name || "property('total') > 1");
const kinds = { property: 'where', context: 'where' } as const;
const compiles = (query: string, kind: 'audience' | 'computed_trait', entity: 'USERS' | 'ACCOUNTS' = 'USERS') =>
  compileQuery(query, { kind, entity }).kind === 'compiled';

test('every name that is completed is one of the language', () => {
  const begun = beginnings.filter(({ label, snippet }) => {
    const text = written(snippet);
    if (label in kinds) return !compiles(`event('X').where(${text} = 1).count() > 1`, 'audience');
    if (label === 'event') return !compiles(`${text}.count() > 1`, 'audience');
    if (label === 'trait') return !compiles(`${text} = 1`, 'audience');
    if (label === 'literal') return !compiles(`trait('a') = ${text}`, 'audience');
    if (label === 'NOT') return !compiles(`${text}trait('a') = 1`, 'audience');
    if (label === 'ANY' || label === 'ALL') return !compiles(`${text}trait('a') = 1`, 'audience', 'ACCOUNTS');
    return !compiles(`trait('a') = 1 ${text}trait('b') = 1`, 'audience');
  });
  const followed = followers.filter(({ snippet }) => {
    const text = written(snippet);
    const forms = [`trait('a').${text}`, `event('X').${text}.count() > 1`, `event('X').${text} > 1`];
    const traits = [`event('X').${text}`, `event('X').${text}.count()`];
    return ![
      ...forms.map((one) => compiles(one, 'audience')),
      ...traits.map((one) => compiles(one, 'computed_trait')),
    ].includes(true);
  });
  expect([...begun, ...followed].map(({ label }) => label)).toEqual([]);
});

test.each(['Big Spenders', ' Été à Paris! ', '__a__', '100 %', 'ÄÖÜ', `${'a'.repeat(254)} b`, 'İ'])(
  'the key of %j is told as the server makes it',
  (name) => expect(keyOf(name)).toBe(keyOfServer(name)),
);
