/** The faults of a workspace file, and where in the file everything is. */
import type { Fault } from '../base/errors.ts';

/** Where something is in the file: keys and list indexes from the top. */
export type FilePath = readonly (string | number)[];

export interface Position {
  /** From 1. */
  readonly line: number;
  readonly col: number;
}

export interface FaultList {
  locateWith(lineOf: (offset: number) => Position): void;
  /** Notes where a value, or the key of one, begins. */
  place(path: FilePath, offset: number | undefined): void;
  placeKey(path: FilePath, offset: number | undefined): void;
  keyPosition(path: FilePath): Position;
  /** A fault of the value at the path, or of the nearest thing around it that is in the file. */
  add(path: FilePath, message: string): void;
  /** A fault of the key at the path. */
  addKey(path: FilePath, message: string): void;
  addAt(offset: number, message: string): void;
  /**
   * A fault that somebody else found below `path`: `where` is their path, e.g. `user_id.@path` or `traits.a["b"]`. It is
   * followed as far as the file goes.
   */
  addBelow(path: FilePath, where: string, message: string): void;
  /** The fault it would be, without adding it. */
  faultAt(path: FilePath, message: string): Fault;
  /**
   * Notes that what is read at the path is not what was written there: it has a fault already, and something harmless
   * stands in its place. Faults of this value and of what is in it are not listed from now on; those of its key are.
   */
  standIn(path: FilePath): void;
  /** True when something stands in at the path, or around it. */
  isStandIn(path: FilePath): boolean;
  readonly count: number;
  /** In the order of the file. */
  list(): readonly Fault[];
}

interface Placed extends Position {
  readonly message: string;
}

/** What a check adds to, wherever the values came from. */
export type PathFaults = Pick<FaultList, 'add' | 'addKey'>;

export function faultList(fileName: string): FaultList {
  const values = new Map<string, number>();
  const keys = new Map<string, number>();
  const found: Placed[] = [];
  const standIns = new Set<string>();
  const isStandIn = (path: FilePath) =>
    standIns.size > 0 && [...path, ''].some((_, length) => standIns.has(JSON.stringify(path.slice(0, length))));
  let lineOf: (offset: number) => Position = () => ({ line: 1, col: 1 });
  const nearest = (path: FilePath, first: Map<string, number>): number => {
    const exact = first.get(JSON.stringify(path));
    if (exact !== undefined) return exact;
    for (let length = path.length; length >= 0; length--) {
      const part = JSON.stringify(path.slice(0, length));
      // A fault inside of something points at its name, which is easier to find than where its value begins.
      const offset = keys.get(part) ?? values.get(part);
      if (offset !== undefined) return offset;
    }
    return 0;
  };
  const put = (offset: number, message: string) => {
    const { line, col } = lineOf(offset);
    const position = { line: Math.max(1, line), col: Math.max(1, col) };
    const same = (other: Placed) =>
      other.line === position.line && other.col === position.col && other.message === message;
    if (!found.some(same)) found.push({ ...position, message });
  };
  const about = (path: FilePath, message: string) => (path.length === 0 ? message : `${pathText(path)}: ${message}`);
  const list: FaultList = {
    locateWith: (locate) => {
      lineOf = locate;
    },
    place: (path, offset) => void (offset !== undefined && values.set(JSON.stringify(path), offset)),
    placeKey: (path, offset) => void (offset !== undefined && keys.set(JSON.stringify(path), offset)),
    keyPosition: (path) => lineOf(nearest(path, keys)),
    add: (path, message) => {
      if (!isStandIn(path)) put(nearest(path, values), about(path, message));
    },
    addKey: (path, message) => {
      if (!isStandIn(path.slice(0, -1))) put(nearest(path, keys), about(path, message));
    },
    addAt: put,
    addBelow: (path, where, message) => {
      const isThere = (part: FilePath) => keys.has(JSON.stringify(part)) || values.has(JSON.stringify(part));
      const { reached, complete } = follow(path, where, isThere);
      if (isStandIn(reached)) return;
      const text = [pathText(path), where].filter((part) => part !== '').join('.');
      put(nearest(reached, complete ? values : keys), `${text}: ${/[.!?]$/.test(message) ? message : `${message}.`}`);
    },
    faultAt: (path, message) => {
      const { line, col } = lineOf(nearest(path, values));
      return { where: `${fileName}:${line}:${col}`, message: about(path, message) };
    },
    standIn: (path) => void standIns.add(JSON.stringify(path)),
    isStandIn,
    get count() {
      return found.length;
    },
    list: () =>
      [...found]
        .sort((a, b) => a.line - b.line || a.col - b.col)
        .map(({ line, col, message }) => ({ where: `${fileName}:${line}:${col}`, message })),
  };
  return list;
}

/** Keys may hold dots and brackets themselves, so the longest key that is there is taken at each step. */
function follow(
  path: FilePath,
  where: string,
  isThere: (path: FilePath) => boolean,
): { readonly reached: FilePath; readonly complete: boolean } {
  let reached = path;
  let rest = where.replace(/^\$?\.?/, '');
  while (rest !== '') {
    const steps = candidates(rest).map(({ step, length }) => ({ next: [...reached, step], length }));
    const fit = steps.find(({ next }) => isThere(next));
    if (fit === undefined) return { reached, complete: false };
    reached = fit.next;
    rest = rest.slice(fit.length).replace(/^\./, '');
  }
  return { reached, complete: where !== '' };
}

function candidates(rest: string): readonly { readonly step: string | number; readonly length: number }[] {
  const index = /^(?:\[(\d+)\]|(\d+)(?=\.|\[|$))/.exec(rest);
  const quoted = /^\["((?:[^"\\]|\\.)*)"\]/.exec(rest);
  const ends = [...rest.matchAll(/[.[]|$/g)].map((match) => match.index).filter((end) => end > 0);
  return [
    ...(quoted === null ? [] : [{ step: JSON.parse(`"${quoted[1]}"`) as string, length: quoted[0].length }]),
    ...ends.reverse().map((end) => ({ step: rest.slice(0, end), length: end })),
    ...(index === null ? [] : [{ step: Number(index[1] ?? index[2]), length: index[0].length }]),
  ];
}

/** `mappings.a.fields.user_id`, `spaces.main.identifiers[2].limit`. */
export function pathText(path: FilePath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}
