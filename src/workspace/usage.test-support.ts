/** The usage as anybody would compute it who has all messages at hand: by looking at them again for every day. */
import type { DailyApiCalls, DailyMtu } from './workspace.ts';

export interface Noted {
  readonly receivedAt: Date;
  readonly sourceId: string;
  readonly userId: string | null;
  readonly anonymousId: string | null;
}

/** @param period `YYYY-MM-01` */
export function modelOfUsage(
  messages: readonly Noted[],
  period: string,
  perSource: boolean,
  now: Date,
): { readonly apiCalls: readonly DailyApiCalls[]; readonly mtu: readonly DailyMtu[] } {
  const [year, month] = period.split('-').map(Number) as [number, number];
  const periodStart = Date.UTC(year, month - 1, 1) / 1000;
  const periodEnd = Date.UTC(year, month, 1) / 1000;
  const inMonth = messages.filter(({ receivedAt }) => receivedAt.toISOString().startsWith(period.slice(0, 7)));
  const sources = perSource ? [...new Set(inMonth.map(({ sourceId }) => sourceId))].sort() : [null];
  const apiCalls: DailyApiCalls[] = [];
  const mtu: DailyMtu[] = [];
  for (let day = 1; day <= 31; day++) {
    const starts = new Date(Date.UTC(year, month - 1, day));
    if (starts.getTime() >= periodEnd * 1000 || starts > now) break;
    const before = Date.UTC(year, month - 1, day + 1);
    for (const source of sources) {
      const seen = inMonth.filter(
        ({ receivedAt, sourceId }) => receivedAt.getTime() < before && (source === null || sourceId === source),
      );
      const named = { ...(source === null ? {} : { sourceId: source }), timestamp: starts.toISOString() };
      apiCalls.push({ ...named, apiCalls: String(seen.length) });
      mtu.push({ ...named, periodStart, periodEnd, ...numbersOf(seen) });
    }
  }
  return { apiCalls, mtu };
}

function numbersOf(seen: readonly Noted[]) {
  const users = new Set(seen.flatMap(({ userId }) => userId ?? []));
  const devices = [...new Set(seen.flatMap(({ anonymousId }) => anonymousId ?? []))];
  const isLinked = (device: string) =>
    seen.some(({ userId, anonymousId }) => anonymousId === device && userId !== null);
  return {
    identified: String(users.size),
    anonymous: String(devices.length),
    anonymousIdentified: String(devices.filter(isLinked).length),
    neverIdentified: String(devices.filter((device) => !isLinked(device)).length),
  };
}
