/**
 * Every error code, grouped by the room that raises it; `docs/errors.md` is made from this table. A code never changes
 * its meaning once released. `exit` is the exit status of the command line when this error ends it.
 */
export interface ErrorEntry {
  readonly room: string;
  /** What happened, in one sentence. */
  readonly what: string;
  /** What to do about it. */
  readonly help: string;
  readonly exit: number;
}

const entries = {
  internal: {
    room: 'base',
    what: 'A fault of Millrace itself.',
    help: 'Please report it with the text of the error; nothing that was recorded as delivered is lost.',
    exit: 70,
  },
  cancelled: {
    room: 'base',
    what: 'The work was cancelled.',
    help: 'Run it again to go on where it stopped.',
    exit: 130,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof entries;
export const errorCodes: Readonly<Record<ErrorCode, ErrorEntry>> = entries;
