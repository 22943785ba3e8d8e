/** Who may give what: nobody more than they have. */
import { expect, test } from 'vitest';
import { type Grant, mayGive, type Permission, roles } from './workspace.ts';

const owner: Grant = { role: 'owner', permissions: [] };
const member = (...permissions: Permission[]): Grant => ({ role: 'member', permissions });
const at = (role: Permission['role'], ...ids: string[]): Permission => ({ role, resources: ids.map((id) => ({ id })) });
const everywhere = (role: Permission['role']): Permission => ({ role, resources: 'all' });
const labelled = (role: Permission['role'], ...values: string[]): Permission => ({
  role,
  resources: [{ labels: values.map((value) => ({ key: 'team', value })) }],
});

test('an owner gives everything', () => {
  expect(mayGive(owner, owner)).toBe(true);
  for (const role of Object.keys(roles) as Permission['role'][]) {
    expect(mayGive(owner, member(everywhere(role)))).toBe(true);
  }
});

test('whoever has all powers without being an owner makes none', () => {
  const admin = member(everywhere('workspace-owner'));
  expect(mayGive(admin, owner)).toBe(false);
  expect(mayGive(admin, member(everywhere('workspace-owner')))).toBe(false);
  expect(mayGive(admin, member(everywhere('source-admin'), everywhere('end-user-privacy-admin')))).toBe(true);
});

test.each<[string, Grant, Grant, boolean]>([
  ['nothing', member(), member(), true],
  ['less', member(everywhere('source-admin')), member(everywhere('source-read-only')), true],
  ['more', member(everywhere('source-read-only')), member(everywhere('source-admin')), false],
  ['of another kind', member(everywhere('source-admin')), member(everywhere('unify-and-engage-read-only')), false],
  ['a part of all', member(everywhere('source-admin')), member(at('source-admin', 'src_1')), true],
  ['all of a part', member(at('source-admin', 'src_1')), member(everywhere('source-read-only')), false],
  ['the same part', member(at('source-admin', 'src_1', 'src_2')), member(at('source-read-only', 'src_2')), true],
  ['another part', member(at('source-admin', 'src_1')), member(at('source-admin', 'src_1', 'src_2')), false],
  [
    'parts of two roles',
    member(at('source-admin', 'a'), at('source-admin', 'b')),
    member(at('source-admin', 'a', 'b')),
    true,
  ],
  [
    'more in a part',
    member(at('source-read-only', 'a'), at('source-admin', 'b')),
    member(at('source-admin', 'a')),
    false,
  ],
  ['a label', member(labelled('source-admin', 'web', 'app')), member(labelled('source-admin', 'app')), true],
  ['another label', member(labelled('source-admin', 'web')), member(labelled('source-admin', 'web', 'app')), false],
  ['a source for a label', member(labelled('source-admin', 'web')), member(at('source-admin', 'src_1')), false],
  ['no place at all', member(at('source-admin', 'a')), member({ role: 'source-admin', resources: [{}] }), false],
  ['privacy', member(everywhere('end-user-privacy-admin')), member(everywhere('end-user-privacy-admin')), true],
])('%s', (_, giver, given, may) => {
  expect(mayGive(giver, given)).toBe(may);
});
