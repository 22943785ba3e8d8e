import { afterEach, expect, test, vi } from 'vitest';
import { encodeKsuid, ksuid, newId } from './ids.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('encodes as the original does (the example of its README)', () => {
  const payload = Buffer.from('B5A1CD34B5F99D1154FB6853345C9735', 'hex');
  expect(encodeKsuid(107_608_047 + 1_400_000_000, payload)).toBe('0ujtsYcgvSTl8PAuAdqWYSMnLOv');
  expect(encodeKsuid(1_400_000_000, new Uint8Array(16))).toBe('0'.repeat(27));
  expect(encodeKsuid(1_400_000_000 + 2 ** 32 - 1, new Uint8Array(16).fill(255))).toBe('aWgEPTl1tmebfsQzFP4bxwgy80V');
});

test('a million ids: 27 letters and digits, none twice, ascending within a second', () => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  const ids = Array.from({ length: 1_000_000 }, ksuid);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every((id, n) => n === 0 || (ids[n - 1] as string) < id)).toBe(true);
  expect(ids.every((id) => /^[0-9A-Za-z]{27}$/.test(id))).toBe(true);
});

test('ids of a later second come after, with another random part', () => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  const first = ksuid();
  vi.setSystemTime(1_800_000_001_000);
  const second = ksuid();
  expect(first < second).toBe(true);
  expect(first.slice(6, 20)).not.toBe(second.slice(6, 20));
});

test('newId says what it names', () => {
  expect(newId('map')).toMatch(/^map_[0-9A-Za-z]{27}$/);
});
