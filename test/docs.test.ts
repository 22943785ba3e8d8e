import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { permissionsPage } from '../src/api/public/permissions-page.ts';
import { errorCodes } from '../src/base/error-codes.ts';
import { referencePages } from '../src/base/reference-pages.ts';

describe('the pages that are made from tables', () => {
  test.each(Object.entries({ ...referencePages(), 'permissions.md': permissionsPage() }))(
    'docs/%s is what `npm run docs` would write',
    async (name, text) => {
      const committed = await readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8').catch(() => '');
      expect(committed === text, `docs/${name} is out of date: run npm run docs`).toBe(true);
    },
  );
});

describe('the table of error codes', () => {
  test.each(Object.entries(errorCodes))('%s says what happened and what to do, in sentences', (code, entry) => {
    expect(code).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    expect(entry.what).toMatch(/^\S.*\.$/);
    expect(entry.help).toMatch(/^\S.*[.)]$/);
    expect(entry.exit).toBeGreaterThan(0);
    expect(entry.exit).toBeLessThan(256);
  });
});
