/** What the server said is wrong with a query, and where. Pure. */
import { ApiError } from '../../../api/client.ts';

export interface QueryFault {
  /** Both from 1; left out where the whole query is meant. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
}

export interface FaultyQuery {
  /** The query that was sent. */
  readonly query: string;
  readonly faults: readonly QueryFault[];
}

export const isQueryField = (field: string | undefined) => field === 'definition' || field === 'definition.query';

const placed = /^Line (\d+), column (\d+): (.+)$/s;

export function faultsOfQuery(error: Error | null): readonly QueryFault[] {
  if (!(error instanceof ApiError)) return [];
  return error.faults
    .filter(({ field }) => isQueryField(field))
    .map(({ message }) => {
      const [, line, column, what] = placed.exec(message) ?? [];
      return what === undefined ? { message } : { line: Number(line), column: Number(column), message: what };
    });
}
