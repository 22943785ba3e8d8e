/**
 * A list of things, as every page shows one. In: rows and columns. Out: a table. Promised: a long list draws the rows in
 * sight alone, and scrolls in a box of its own; the reader of a screen hears how many rows there are; a table that is wider
 * than the window has a shade where more of it is.
 */
import { Card, Table, Title } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';

export interface Column<T> {
  readonly label: string;
  readonly cell: (row: T) => ReactNode;
  /** Numbers stand at the right. */
  readonly align?: 'right';
  /** A part of the width, as CSS says it. Default: as wide as needed. */
  readonly width?: string;
}

interface ListProps<T> {
  readonly title?: string;
  /** What is listed, for readers of screens, where there is no title. */
  readonly label?: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T, at: number) => string | number;
  /** Narrower screens scroll sideways. Pixels. */
  readonly minWidth?: number;
  /** How many there are, when more can be loaded than are here. */
  readonly total?: number;
  /** Called when the last rows come in sight. */
  readonly onEnd?: () => void;
}

/** More rows than these are drawn as they come in sight. */
const longFrom = 100;

export function ListTable<T>(props: ListProps<T>) {
  const { title, rows, minWidth = 480, onEnd } = props;
  const isLong = rows.length > longFrom || onEnd !== undefined;
  return (
    <Card withBorder padding={0}>
      {title !== undefined && (
        <Title order={2} size="h4" p="sm">
          {title}
        </Title>
      )}
      {isLong ? (
        <LongTable {...props} minWidth={minWidth} />
      ) : (
        <Table.ScrollContainer minWidth={minWidth} type="native" className="scrolls list" tabIndex={0}>
          <Table verticalSpacing="sm" highlightOnHover>
            <Head columns={props.columns} />
            <Table.Tbody>
              {rows.map((row, at) => (
                <Table.Tr key={props.keyOf(row, at)}>
                  <Cells row={row} columns={props.columns} />
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Card>
  );
}

function LongTable<T>({ columns, rows, keyOf, minWidth, total, onEnd, title, label }: ListProps<T>) {
  const box = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => 45,
    overscan: 12,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd !== undefined && last >= rows.length - 1) onEnd();
  }, [last, rows.length, onEnd]);
  const above = shown[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section ref={box} className="list-box scrolls list" aria-label={title ?? label ?? 'List'} tabIndex={0}>
      <Table verticalSpacing="sm" miw={minWidth} stickyHeader aria-rowcount={(total ?? rows.length) + 1}>
        <Head columns={columns} />
        <Table.Tbody>
          {above > 0 && <Gap height={above} />}
          {shown.map(({ index }) => {
            const row = rows[index] as T;
            return (
              <Table.Tr
                key={keyOf(row, index)}
                ref={virtual.measureElement}
                data-index={index}
                aria-rowindex={index + 2}
              >
                <Cells row={row} columns={columns} />
              </Table.Tr>
            );
          })}
          {below > 0 && <Gap height={below} />}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function Gap({ height }: { readonly height: number }) {
  return <tr aria-hidden style={{ height }} />;
}

function Head<T>({ columns }: { readonly columns: readonly Column<T>[] }) {
  return (
    <Table.Thead>
      <Table.Tr>
        {columns.map(({ label, align, width }) => (
          <Table.Th
            key={label}
            className={align ?? 'left'}
            ta={align ?? 'left'}
            {...(width !== undefined && { w: width })}
          >
            {label}
          </Table.Th>
        ))}
      </Table.Tr>
    </Table.Thead>
  );
}

function Cells<T>({ row, columns }: { readonly row: T; readonly columns: readonly Column<T>[] }) {
  return columns.map(({ label, cell, align }) => (
    <Table.Td key={label} className={align ?? 'left'} ta={align ?? 'left'}>
      {cell(row)}
    </Table.Td>
  ));
}
