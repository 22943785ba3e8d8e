/** The functions that the web app offers to begin with are functions, over columns of any name that a path can reach. */
import { describe, expect, test } from 'vitest';
import { checkMapping, compileMapping } from '../src/mapping/mapping.ts';
import { isReachable } from '../web/src/pages/reverse-etl/column-path.ts';
import { mappingExamples } from '../web/src/pages/reverse-etl/mapping-examples.ts';

type Fields = Parameters<typeof compileMapping>[0];

describe.each(['name', 'first name', 'größe', '0'])('over the column %j', (column) => {
  test.each(Object.entries(mappingExamples(column)))('%s', (title, example) => {
    const fields = { x: example } as Fields;
    expect(checkMapping(fields)).toEqual([]);
    const value = title.startsWith('@arrayPath') ? [{ sku: 'A-b' }] : 'A-b';
    const payload = compileMapping(fields)({ properties: { [column]: value } } as never);
    // All but the fixed one tell what is in the row.
    expect(JSON.stringify(payload)).toMatch(title.startsWith('@literal') ? /fixed/ : /a.b/i);
  });
});

test('a dot and quotes are out of reach', () => {
  expect(['a.b', "it's", '"x"', 'a b', 'a-b'].map(isReachable)).toEqual([false, false, false, true, true]);
});
