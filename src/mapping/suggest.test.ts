import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ActionSlug, actions, checkFields } from '../destination/destination.ts';
import type { Column, ColumnType } from '../warehouse/warehouse.ts';
import { checkMapping, compileMapping, suggestedFields, suggestMapping } from './mapping.ts';

const columnsOf = (columns: Readonly<Record<string, ColumnType>>): Column[] =>
  Object.entries(columns).map(([name, type]) => ({ name, type, nativeType: type }));

const suggest = (action: ActionSlug, identifier: string, columns: Readonly<Record<string, ColumnType>>) =>
  suggestMapping(columnsOf(columns), actions[action], identifier);

const fieldsOf = (...given: Parameters<typeof suggest>) => suggestedFields(suggest(...given).proposed);
const at = (column: string) => ({ '@path': `$.properties.${column}` });
const identifier = { '@path': '$.__segment_id' };

describe('what is proposed', () => {
  test('for people', () => {
    const columns = {
      customer_id: 'integer',
      email_address: 'string',
      FirstName: 'string',
      created_at: 'timestamp',
      updated_at: 'timestamp',
      company_id: 'string',
      'Zip-Code': 'string',
      favourite_colour: 'string',
    } as const;
    const { proposed, left, missing } = suggest('sendIdentify', 'customer_id', columns);
    expect(suggestedFields(proposed)).toEqual({
      user_id: identifier,
      group_id: at('company_id'),
      timestamp: at('updated_at'),
      traits: {
        email: at('email_address'),
        firstName: at('FirstName'),
        createdAt: at('created_at'),
        postalCode: at('Zip-Code'),
      },
    });
    expect(proposed.find(({ key }) => key === 'email')?.why).toBe(
      '"email_address" is a common name of an e-mail address.',
    );
    expect(proposed[0]?.why).toMatch(/common name of a User ID\. It is the identifier, .* deleted rows have it too\./);
    expect(left).toEqual([
      { column: 'favourite_colour', why: 'Its name resembles no field of Send Identify and no common name.' },
    ]);
    expect(missing).toEqual([{ field: 'engage_space', why: 'The Profile Space is chosen by you.' }]);
  });

  test('for accounts, whose id is the identifier', () => {
    expect(
      fieldsOf('sendGroup', 'id', { id: 'integer', company_name: 'string', owner_id: 'integer', headcount: 'integer' }),
    ).toEqual({
      group_id: identifier,
      user_id: at('owner_id'),
      traits: { name: at('company_name'), employees: at('headcount') },
    });
  });

  test('for events', () => {
    const { proposed, missing } = suggest('sendTrack', 'id', {
      ...{ id: 'integer', event: 'string', occurred_at: 'timestamp', created_at: 'timestamp' },
      ...{ visitor_id: 'string', order_id: 'integer', amount: 'decimal' },
    });
    expect(suggestedFields(proposed)).toEqual({
      event_name: at('event'),
      anonymous_id: at('visitor_id'),
      timestamp: at('occurred_at'),
      properties: { revenue: at('amount'), order_id: at('order_id') },
    });
    expect(missing.map(({ field }) => field)).toEqual(['engage_space']);
  });

  test('for subscriptions, contacts go to their fields and not to traits', () => {
    expect(
      fieldsOf('sendSubscription', 'user_id', {
        ...{ user_id: 'string', email: 'string', email_opt_in: 'boolean', mobile: 'string', sms_consent: 'string' },
        full_name: 'string',
      }),
    ).toEqual({
      user_id: identifier,
      email: at('email'),
      email_subscription_status: at('email_opt_in'),
      phone: at('mobile'),
      sms_subscription_status: at('sms_consent'),
      traits: { name: at('full_name') },
    });
  });

  test('the identifier stands for the user id when no column is named so', () => {
    const { proposed } = suggest('sendIdentify', 'kundennummer', { kundennummer: 'integer', email: 'string' });
    expect(proposed[0]).toMatchObject({ field: 'user_id', directive: identifier });
    expect(proposed[0]?.why).toMatch(/^No column is named like a User ID, and this one tells the rows apart\./);
  });

  test('but not when it is something else already: then an id is missing', () => {
    const { proposed, missing } = suggest('sendIdentify', 'email', { email: 'string' });
    expect(suggestedFields(proposed)).toEqual({ traits: { email: at('email') } });
    expect(missing).toContainEqual({ field: 'user_id', why: expect.stringContaining('Anonymous ID is needed') });
  });

  test('of two columns for one place the closer one, and the other says which', () => {
    const { proposed, left } = suggest('sendIdentify', 'id', {
      ...{ customer_email: 'string', email_address: 'string', email: 'string', id: 'string' },
    });
    expect(proposed.filter(({ key }) => key === 'email').map(({ column }) => column)).toEqual(['email']);
    expect(left).toEqual(
      ['customer_email', 'email_address'].map((column) => ({
        column,
        why: 'Its name resembles traits.email, which "email" resembles more.',
      })),
    );
  });

  test('a word in front that only says whose it is does not matter', () => {
    const { proposed } = suggest('sendIdentify', 'id', { id: 'string', cust_last_name: 'string' });
    expect(proposed[1]).toMatchObject({
      key: 'lastName',
      why: 'Without "cust" in front its name is "last_name", a common name of a last name.',
    });
  });

  test('a type that cannot be meant, and a name that no path reaches, are told', () => {
    const { proposed, left } = suggest('sendIdentify', 'id', { id: 'string', email: 'binary', 'first.name': 'string' });
    expect(proposed.map(({ column }) => column)).toEqual(['id']);
    expect(left).toEqual([
      {
        column: 'email',
        why: 'Its name resembles traits.email, but its type, binary, is not that of an e-mail address.',
      },
      { column: 'first.name', why: expect.stringContaining('no path can name it') },
    ]);
  });

  test('what is required and resembled by nothing is missing', () => {
    expect(suggest('sendTrack', 'id', { id: 'string', user_id: 'string' }).missing).toEqual([
      { field: 'engage_space', why: expect.any(String) },
      { field: 'event_name', why: 'The Event Name is required, and no column is named like one.' },
    ]);
  });
});

const word = fc.constantFrom(
  'user',
  'id',
  'email',
  'address',
  'created',
  'at',
  'Name',
  'first',
  'group',
  'phone',
  'x.y',
  'ü',
  '__proto__',
  '"',
);
const names = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('_'));
const types = fc.constantFrom<ColumnType>('string', 'integer', 'timestamp', 'boolean', 'binary', 'json');
const models = fc.uniqueArray(fc.record({ name: names, type: types, nativeType: fc.constant('t') }), {
  selector: ({ name }) => name,
  minLength: 1,
  maxLength: 12,
});

test('whatever the columns: each is in one place, every proposal reads its own column, and nothing depends on chance', () => {
  fc.assert(
    fc.property(models, fc.constantFrom<ActionSlug>(...(Object.keys(actions) as ActionSlug[])), (columns, slug) => {
      const action = actions[slug];
      const [first] = columns;
      const found = suggestMapping(columns, action, first?.name as string);
      expect(suggestMapping(structuredClone(columns), action, first?.name as string)).toEqual(found);
      const placed = [...found.proposed, ...found.left].map(({ column }) => column);
      expect([...placed].sort()).toEqual(columns.map(({ name }) => name).sort());
      const places = found.proposed.map(({ field, key }) => `${field} ${key}`);
      expect(new Set(places).size).toBe(places.length);

      const fields = suggestedFields(found.proposed);
      expect(checkMapping(fields)).toEqual([]);
      const known = new Set(found.missing.map(({ field }) => field));
      expect(checkFields(action, fields).filter(({ where }) => !known.has(where))).toEqual([]);
      const properties = Object.fromEntries(columns.map(({ name }) => [name, `value of ${name}`]));
      const payload = compileMapping(fields)({ properties, __segment_id: `value of ${first?.name}` });
      for (const { field, key, column } of found.proposed) {
        const value = key === null ? payload[field] : (payload[field] as Record<string, unknown>)[key];
        expect(value).toBe(`value of ${column}`);
      }
    }),
    { numRuns: 300 },
  );
});
