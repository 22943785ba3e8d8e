import { describe, expect, test } from 'vitest';
import { isName, longestStem, nameFrom } from './names.ts';

describe('a name made of a title', () => {
  test.each([
    ['Web shop', 'web-shop'],
    ['web_shop', 'web_shop'],
    ['Straße 7', 'strasse-7'],
    ['GROẞE STRAẞE', 'grosse-strasse'],
    ['Ærø Œuvre', 'aero-oeuvre'],
    ['Łódź, Đà Nẵng', 'lodz-da-nang'],
    ['Þingvellir með Ħal Ŧ', 'thingvellir-med-hal-t'],
    ['IŞIK ışık', 'isik-isik'],
    ['  –– Été ™ –– ', 'ete-tm'],
    ['Kunden 東京', 'kunden'],
  ])('%s: %s', (title, name) => {
    expect(nameFrom(title)).toBe(name);
  });

  test('there is none when nothing is left', () => {
    expect(['東京', '🙂', '', '---', '_'].map(nameFrom)).toEqual([null, null, null, null, null]);
  });

  test('a long one leaves room for a number, and does not end in a hyphen', () => {
    const long = nameFrom(`${'ß'.repeat(46)}a bc ${'d'.repeat(50)}`) as string;
    expect(long).toBe(`${'ss'.repeat(46)}a`);
    expect(isName(`${'x'.repeat(longestStem)}-99999`)).toBe(true);
  });
});
