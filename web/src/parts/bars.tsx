/** Counts over time, or one beside the other, as bars: drawn by the chart library, which is loaded when first needed. */
import { Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';

export interface Series {
  /** The key in each point, and what the legend says. */
  readonly name: string;
  readonly label: string;
  /** A colour of the theme. */
  readonly color: string;
}

/** What became of rows. */
export const rowSeries: readonly Series[] = [
  { name: 'delivered', label: 'Delivered', color: 'cyan.7' },
  { name: 'failed', label: 'Failed', color: 'red.7' },
];

export interface BarsProps {
  /** `at` is what stands below the bar. */
  readonly points: readonly ({ readonly at: string } & Readonly<Record<string, string | number>>)[];
  readonly series: readonly Series[];
  /** For readers of screens: what is drawn, and what it shows. */
  readonly label: string;
  /** Pixels. */
  readonly height?: number;
}

const Drawn = lazy(() => import('./bars-drawn.tsx'));

export function Bars(props: BarsProps) {
  const { height = 220 } = props;
  return (
    <figure aria-label={props.label} style={{ margin: 0 }}>
      <Suspense fallback={<Skeleton height={height} />}>
        <Drawn {...props} height={height} />
      </Suspense>
    </figure>
  );
}
