/** Texts for people name settings as people write them: `read_from`, `--statement-timeout`, never as code does. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { errorCodes } from '../src/base/error-codes.ts';

const source = fileURLToPath(new URL('../src/', import.meta.url));
const product = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !/\.(test|conformance|test-support)\.ts$/.test(file),
);

/** Members of messages, which are called so on the wire too. */
const wireNames: ReadonlySet<string> = new Set(['userId']);

const codeNames = (text: string) =>
  (text.match(/(?<![\w$.])[a-z]+[A-Z]\w*/g) ?? []).filter((name) => !wireNames.has(name));

/** The texts after `help:` and in messages of errors, without what is filled in. */
function textsOf(file: string): readonly string[] {
  const code = readFileSync(source + file, 'utf8');
  const helps = [...code.matchAll(/\bhelp: *\n? *(['`])((?:(?!\1).)*)\1/g)].map((match) => match[2] as string);
  const errors = [...code.matchAll(/new MillraceError\(\s*'\w+',\s*(['`])((?:(?!\1).)*)\1/g)];
  return [...helps, ...errors.map((match) => match[2] as string)].map((text) => text.replace(/\$\{[^}]*\}/g, ''));
}

test('in the table of errors', () => {
  expect(Object.values(errorCodes).flatMap(({ what, help }) => codeNames(`${what} ${help}`))).toEqual([]);
});

test('where errors are made', () => {
  const texts = product.flatMap(textsOf);
  expect(texts.length).toBeGreaterThan(100);
  expect(texts.flatMap(codeNames)).toEqual([]);
});
