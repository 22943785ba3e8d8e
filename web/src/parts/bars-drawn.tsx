/** The chart library's part of `Bars`. */
import { BarChart } from '@mantine/charts';
import '@mantine/charts/styles.css';
import type { BarsProps } from './bars.tsx';

const numbers = new Intl.NumberFormat();

export default function BarsDrawn({ points, series, height = 220 }: BarsProps) {
  return (
    <BarChart
      h={height}
      data={points as unknown as Record<string, unknown>[]}
      dataKey="at"
      type="stacked"
      series={[...series]}
      withLegend={series.length > 1}
      valueFormatter={(value) => numbers.format(value)}
      barProps={{ isAnimationActive: false }}
      maxBarWidth={40}
    />
  );
}
