/** Every example of the page is a query. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileQuery } from './compile.ts';

const page = readFileSync(new URL('../../../docs/audience-queries.md', import.meta.url), 'utf8');
const blocks = (text: string) => [...text.matchAll(/^```\n([\s\S]+?)^```$/gm)].map(([, query]) => query as string);
const [audiences = '', traits = ''] = page.split('## Examples of computed traits');

test.each(blocks(audiences))('an audience: %s', (query) => {
  expect(compileQuery(query, { kind: 'audience', entity: 'USERS' })).toMatchObject({ kind: 'compiled' });
});

const [ofPeople = '', ofAccounts = ''] = traits.split('Of an account, ');

test.each(blocks(ofPeople))('a computed trait: %s', (query) => {
  expect(compileQuery(query, { kind: 'computed_trait', entity: 'USERS' })).toMatchObject({ kind: 'compiled' });
});

test.each(blocks(ofAccounts))('a computed trait of accounts: %s', (query) => {
  expect(compileQuery(query, { kind: 'computed_trait', entity: 'ACCOUNTS' })).toMatchObject({ kind: 'compiled' });
  expect(compileQuery(query, { kind: 'computed_trait', entity: 'USERS' })).toMatchObject({ kind: 'faulty' });
});

test('there are ten of them', () => {
  expect([blocks(audiences).length, blocks(ofPeople).length, blocks(ofAccounts).length]).toEqual([5, 4, 1]);
});
