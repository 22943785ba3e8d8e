/**
 * The clock on the wall of a time zone. In: what it shows, as a moment of UTC that has these digits. Out: the instant. Pure.
 * Promised: of two instants that show the same it is the first; what the clock skips comes as much later as it skips.
 */

const dayMs = 86_400_000;

export interface ZoneClock {
  /** What the clock shows, as milliseconds of UTC. */
  shown(instant: number): number;
  /** When it shows that. */
  instantOf(shown: number): number;
}

export function zoneClock(timezone: string): ZoneClock {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: timezone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  const shown = (instant: number) => {
    const parts = format.formatToParts(instant);
    const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((one) => one.type === type)?.value);
    const ms = ((instant % 1000) + 1000) % 1000;
    return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) + ms;
  };
  return {
    shown,
    instantOf(wanted) {
      // The clock is set at most once within two days.
      const [before, after] = [wanted - dayMs, wanted + dayMs].map((near) => wanted - (shown(near) - near)) as [
        number,
        number,
      ];
      const showing = [before, after].filter((instant) => shown(instant) === wanted);
      return showing.length === 0 ? before : Math.min(...showing);
    },
  };
}
