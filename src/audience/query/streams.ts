/** Events that are looked at: `event('…')` and what narrows it. Filters of a chain hold all together, in any order. */
import { type Compiler, literalOf, type Scope } from './compiler.ts';
import { type Duration, durationMs, windowSpan } from './moments.ts';
import type { SubjectEvent } from './query.ts';
import type { Condition, Stream } from './run.ts';
import type { Argument, Call, Node } from './tree.ts';

export const filterNames = ['where', 'sources', 'within', 'between', 'expires_after'];

export const noTables = 'Tables of a warehouse, entity(), cannot be looked at here.';

/** How much of one chain was compiled. Conditions are asked in this order. */
interface Parts {
  readonly conditions: Condition[];
  /** Windows back from now: after what does not change by time, so that only what matters is waited for. */
  readonly windows: Condition[];
  /** Those that look for other events. */
  readonly lookups: Condition[];
  /** When it happened after the event around, ms, both ends included. */
  fromParent: number;
  toParent: number;
  sessionMs: number | null;
  /** Whether the session begins with the event around. */
  isParentSession: boolean;
}

/** The events at the end of a chain; null and faults when it is none. */
export function compileStream(compiler: Compiler, node: Node, scope: Scope): Stream | null {
  const chain: Call[] = [];
  let start: Node = node;
  while (start.kind === 'call' && start.on !== null) {
    chain.unshift(start);
    start = start.on;
  }
  if (start.kind === 'call' && start.name === 'entity') return compiler.fault(start, noTables);
  if (start.kind !== 'call' || start.name !== 'event') {
    return compiler.fault(start, "Only events can be filtered and counted: begin with event('…').");
  }
  const [given] = compiler.plain(start, 1) ?? [];
  const name = given && compiler.text(given, 'The name of an event');
  if (name === undefined || name === null) return null;
  compiler.watchesEvent(name);
  if (scope.event === 'inner') {
    // Each level looks at all events once more for each of the level above.
    return compiler.fault(
      start,
      'An event can be looked for from another, but not from one that is looked for itself.',
    );
  }
  if (scope.event !== 'none') {
    compiler.isBatch = true;
    compiler.lookups += 1;
  }
  compiler.around.push(name);
  const inside: Scope = { ...scope, event: scope.event === 'none' ? 'one' : 'inner' };
  const parts: Parts = {
    ...{ conditions: [], windows: [], lookups: [] },
    ...{ fromParent: Number.NEGATIVE_INFINITY, toParent: Number.POSITIVE_INFINITY },
    ...{ sessionMs: null, isParentSession: false },
  };
  for (const call of chain) addFilter(compiler, call, inside, parts);
  compiler.around.pop();
  return { items: itemsOf(name, parts) };
}

function itemsOf(name: string, parts: Parts): Stream['items'] {
  const { sessionMs, isParentSession } = parts;
  const filters = [...parts.conditions, ...parts.windows, ...parts.lookups];
  const isFree = filters.length === 0 && sessionMs === null;
  return (run, outer) => {
    const all = run.subject.events(name);
    const near = outer === null ? all : nearTo(outer, all, parts);
    if (isFree) {
      // Nothing is asked of each.
      if (outer !== null) run.compares(near.length / 10);
      return near;
    }
    const holds = (event: SubjectEvent) => {
      if (outer !== null) run.compares(1);
      for (const filter of filters) if (!filter(run, event, outer)) return false;
      return true;
    };
    if (isParentSession) return outer === null ? [] : sessionFrom(outer, near, sessionMs as number, holds);
    const items = filters.length === 0 ? near : near.filter(holds);
    return sessionMs === null ? items : lastSession(items, sessionMs);
  };
}

/** Those in the window that begins with the event around. */
function nearTo({ at }: SubjectEvent, all: readonly SubjectEvent[], { fromParent, toParent }: Parts) {
  const start = firstFrom(all, at + fromParent);
  const end = toParent === Number.POSITIVE_INFINITY ? all.length : firstFrom(all, at + toParent + 1);
  return start === 0 && end === all.length ? all : all.slice(start, Math.max(start, end));
}

/** The place of the first event at this time or later. */
function firstFrom(events: readonly SubjectEvent[], at: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle] as SubjectEvent).at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What belongs together at the end: no gap is longer. */
function lastSession(items: readonly SubjectEvent[], sessionMs: number): readonly SubjectEvent[] {
  let start = items.length - 1;
  while (start > 0 && (items[start] as SubjectEvent).at - (items[start - 1] as SubjectEvent).at <= sessionMs)
    start -= 1;
  return start <= 0 ? items : items.slice(start);
}

/** What follows an event without a longer gap. */
function sessionFrom(
  outer: SubjectEvent,
  near: readonly SubjectEvent[],
  sessionMs: number,
  holds: (event: SubjectEvent) => boolean,
): readonly SubjectEvent[] {
  const items: SubjectEvent[] = [];
  let end = outer.at;
  for (const event of near) {
    if (event.at - end > sessionMs) break;
    if (!holds(event)) continue;
    items.push(event);
    end = event.at;
  }
  return items;
}

function addSession(compiler: Compiler, call: Call, inside: Scope, parts: Parts): void {
  const [arg] = compiler.counted(call, call.args, 1) ?? [];
  if (arg === undefined) return;
  const isParent = arg.name === 'parent';
  if ((arg.name !== undefined && !isParent) || arg.as !== undefined) {
    compiler.fault(arg.value, 'expires_after() takes a duration, with parent: or without.');
    return;
  }
  if (isParent && inside.event !== 'inner') {
    compiler.fault(call, noParent);
    return;
  }
  const duration = durationOf(compiler, arg.value, true);
  if (duration === null) return;
  const ms = durationMs(duration);
  parts.sessionMs = Math.min(ms, parts.sessionMs ?? ms);
  parts.isParentSession ||= isParent;
  if (!isParent) return;
  compiler.isBatch = true;
  parts.fromParent = Math.max(parts.fromParent, 0);
}

const noParent = 'parent: is the event around this one: it stands in an event(…) inside of where(…).';

function addFilter(compiler: Compiler, call: Call, inside: Scope, parts: Parts): void {
  switch (call.name) {
    case 'where': {
      const [node] = compiler.plain(call, 1) ?? [];
      const { lookups } = compiler;
      const condition = node && compiler.condition(compiler, node, inside);
      if (condition) (compiler.lookups > lookups ? parts.lookups : parts.conditions).push(condition);
      return;
    }
    case 'sources':
      addSources(compiler, call, parts);
      return;
    case 'within':
      addWindow(compiler, call, inside, parts, 1);
      return;
    case 'between':
      addWindow(compiler, call, inside, parts, 2);
      return;
    case 'expires_after': {
      addSession(compiler, call, inside, parts);
      return;
    }
    default:
      compiler.unknown(call, [...filterNames, 'count', 'sum', 'avg', 'min', 'max', 'mode', 'first', 'last', 'unique']);
  }
}

function addSources(compiler: Compiler, call: Call, parts: Parts): void {
  const args = compiler.counted(call, call.args, 1, Number.POSITIVE_INFINITY);
  if (args === null) return;
  const odd = args.find(
    (arg, at) => (arg.name === undefined ? at === 0 : arg.name !== 'exclude') || arg.as !== undefined,
  );
  if (odd !== undefined) {
    compiler.fault(odd.value, "sources() takes the sources to leave out: sources({exclude: 'ID'}).");
    return;
  }
  const ids = args.map(({ value }) => compiler.text(value, 'The id of a source'));
  const excluded = new Set(ids);
  parts.conditions.push((_, item) => item !== null && !excluded.has(item.sourceId));
}

/** `within(d)`, `between(a, b)`: back from now, or on from the event around. */
function addWindow(compiler: Compiler, call: Call, inside: Scope, parts: Parts, count: 1 | 2): void {
  const args = compiler.counted(call, call.args, count);
  if (args === null) return;
  const isParent = args.some(({ name }) => name === 'parent');
  const odd = args.find(
    (arg, at) => arg.as !== undefined || (arg.name !== undefined && (arg.name !== 'parent' || at > 0)),
  );
  if (odd !== undefined) {
    compiler.fault(
      odd.value,
      `${call.name}() takes ${count === 1 ? 'a duration' : 'two durations'}, the first with parent: or without.`,
    );
    return;
  }
  const durations = args.map(({ value }: Argument) => durationOf(compiler, value, false));
  if (durations.some((duration) => duration === null)) return;
  const [a, b] = durations.map((duration) => durationMs(duration as Duration));
  const [from, to] = b === undefined ? [0, a as number] : [a as number, b];
  if (b !== undefined && from >= to) {
    compiler.fault(call, 'between() takes the shorter duration first: between(7 days, 10 days) is 7 to 10 days ago.');
    return;
  }
  if (isParent) {
    if (inside.event !== 'inner') {
      compiler.fault(call, noParent);
      return;
    }
    compiler.isBatch = true;
    parts.fromParent = Math.max(parts.fromParent, from);
    parts.toParent = Math.min(parts.toParent, to);
    return;
  }
  compiler.looksBack(to);
  if (compiler.use.kind === 'computed_trait') compiler.isBatch = true;
  parts.windows.push((run, item) => item !== null && run.holds(windowSpan(item.at, from, to)));
}

/** @param seconds whether it may be of seconds */
export function durationOf(compiler: Compiler, node: Node, seconds: boolean): Duration | null {
  const literal = literalOf(node);
  if (literal?.kind !== 'duration')
    return compiler.fault(node, 'Here a duration is expected, e.g. 7 days or 12 hours.');
  if (!seconds && literal.unit === 'second')
    return compiler.fault(literal, 'Seconds are for expires_after() alone; take hours or days.');
  return literal;
}
