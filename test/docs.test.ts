import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { permissionsPage } from '../src/api/public/permissions-page.ts';
import { errorCodes } from '../src/base/error-codes.ts';
import { referencePages } from '../src/base/reference-pages.ts';
import { workspaceChecks } from '../src/cli/workspace-checks.ts';
import { maxMessageBytes, maxRequestBytes, maxRequestMessages } from '../src/delivery/delivery.ts';
import { actions, destinationPages, segmentProfiles } from '../src/destination/destination.ts';
import { parseWorkspaceFile } from '../src/workspace/workspace.ts';

const ofDestinations = destinationPages({ maxMessageBytes, maxRequestBytes, maxRequestMessages });

describe('the pages that are made from tables', () => {
  test.each(Object.entries({ ...referencePages(), ...ofDestinations, 'permissions.md': permissionsPage() }))(
    'docs/%s is what `npm run docs` would write',
    async (name, text) => {
      const committed = await readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8').catch(() => '');
      expect(committed === text, `docs/${name} is out of date: run npm run docs`).toBe(true);
    },
  );
});

describe('the page of the destination', () => {
  const [page = ''] = Object.values(ofDestinations);

  test('has every setting, endpoint, action and field, and the limit of mappings', () => {
    const { settings, endpoints, maxMappings } = segmentProfiles;
    for (const [name, { label, description }] of Object.entries(settings)) {
      expect(page).toContain(`| \`${name}\` | ${label} |`);
      expect(page).toContain(description);
    }
    for (const { value, label } of endpoints) expect(page).toContain(`| \`${value}\` | ${label} |`);
    for (const { title, slug, fields, defaultTrigger } of Object.values(actions)) {
      const part = page.split(`### ${title}\n`)[1]?.split('\n## ')[0]?.split('\n### ')[0] ?? '';
      expect(part).toContain(`Slug: \`${slug}\``);
      expect(part).toContain(`Default trigger: ${defaultTrigger === null ? 'none' : `\`${defaultTrigger}\``}`);
      const rows = part
        .split('\n')
        .filter((line) => line.startsWith('| '))
        .slice(1);
      expect(rows).toHaveLength(Object.keys(fields).length);
      for (const [index, [name, field]] of Object.entries(fields).entries()) {
        const [, label, id, type, required, , description] = (rows[index] ?? '').split(' | ').join('|').split('|');
        expect([label?.trim(), id, type?.split(',')[0], required]).toEqual([
          ...[field.label, `\`${name}\``, field.type, field.required ? 'yes' : 'no'],
        ]);
        expect(description).toContain(field.description);
      }
    }
    expect(page).toContain(`| Mappings of one destination | ${maxMappings} |`);
  });

  test('begins with a workspace file that holds together', async () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const file = await parseWorkspaceFile(yaml.replace(/^ {3}/gm, ''), {
      fileName: 'page.yaml',
      env: { SEGMENT_PAPI_TOKEN: 'a-token' },
      baseFolder: '/nowhere',
      checks: workspaceChecks,
    });
    expect(file.definitions().destinations).toMatchObject([
      { name: 'profiles', settings: { endpoint: 'local' } },
      { name: 'segment', settings: { endpoint: 'north_america', segment_papi_token: 'a-token' } },
    ]);
  });
});

test('the workspace file of the README holds together', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const yaml = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const file = await parseWorkspaceFile(yaml.replace(/^ {3}/gm, ''), {
    fileName: 'crm.yaml',
    env: { CRM_PASSWORD: 'a-password' },
    baseFolder: '/nowhere',
    checks: workspaceChecks,
  });
  const { sources, models, mappings } = file.definitions();
  expect(sources).toMatchObject([{ name: 'crm', settings: { password: 'a-password' } }]);
  expect(models).toMatchObject([{ query: 'SELECT id, email, plan FROM customers' }]);
  expect(mappings).toMatchObject([{ name: 'customers-identify', fields: { engage_space: 'main' } }]);
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
