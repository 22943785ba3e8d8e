/** From a chain of events to what a reducer makes of it. */
import { type Compiler, literalOf, type Scope } from './compiler.ts';
import { compileProperty } from './properties.ts';
import type { ReadValues } from './reducers.ts';
import * as reducers from './reducers.ts';
import type { Item, Run, Scalar, Stream } from './run.ts';
import { compileStream } from './streams.ts';
import { compileTrait } from './trait.ts';
import type { Argument, Call, Node } from './tree.ts';
import type { Value } from './values.ts';

export type Reducer = {
  /** Undefined when there is no value; a count is 0 then. */
  readonly read: (run: Run, item: Item, parent: Item) => Value;
  /** `count`: 0 of nothing; `sum`: no value of nothing, and 0 when nothing is left; `list`: what `unique` gives. */
  readonly kind: 'count' | 'sum' | 'list' | 'other';
};

export const reducerNames = ['count', 'sum', 'avg', 'min', 'max', 'mode', 'first', 'last', 'unique'];

/** Whether a call ends a chain of events: a reducer, or `unique(…).count()`. */
export function isStreamCall({ name, on }: Call): boolean {
  return on !== null && reducerNames.includes(name);
}

export function compileReducer(compiler: Compiler, call: Call, scope: Scope): Reducer | null {
  const { on, name } = call;
  if (on === null) return null;
  if (name === 'count' && on.kind === 'call' && on.name === 'unique') {
    compiler.plain(call, 0);
    return overProperty(compiler, on, scope, 'count', reducers.uniqueCount);
  }
  if (on.kind === 'call' && reducerNames.includes(on.name)) {
    return compiler.fault(call, `${on.name}() gives one value; ${name}() is of events.`);
  }
  switch (name) {
    case 'count': {
      compiler.plain(call, 0);
      const stream = compileStream(compiler, on, scope);
      return stream && { kind: 'count' as const, read: (run, item, parent) => stream.items(run, item, parent).length };
    }
    case 'sum':
      return overProperty(compiler, call, scope, 'sum', reducers.sum);
    case 'avg':
      return overProperty(compiler, call, scope, 'other', reducers.average);
    case 'first':
      return overProperty(compiler, call, scope, 'other', reducers.first);
    case 'last':
      return overProperty(compiler, call, scope, 'other', reducers.last);
    case 'unique':
      return overProperty(compiler, call, scope, 'list', reducers.uniqueList);
    case 'min':
    case 'max':
      return extreme(compiler, call, scope, name === 'max' ? 1 : -1);
    case 'mode':
      return mode(compiler, call, scope);
    default:
      return compiler.unknown(call, reducerNames);
  }
}

type Reduce = (events: ReturnType<Stream['items']>, read: ReadValues) => Value;

/** Over a property of the events: `sum(property('total'))`. */
function overProperty(
  compiler: Compiler,
  call: Call,
  scope: Scope,
  kind: Reducer['kind'],
  reduce: Reduce,
): Reducer | null {
  const [node] = compiler.plain(call, 1) ?? [];
  return node === undefined ? null : reduced(compiler, call, node, scope, kind, reduce);
}

function reduced(
  compiler: Compiler,
  call: Call,
  node: Node,
  scope: Scope,
  kind: Reducer['kind'],
  reduce: Reduce,
): Reducer | null {
  const stream = compileStream(compiler, call.on as Node, scope);
  const property = compileTaken(compiler, call, node, scope);
  if (stream === null || property === null) return null;
  const read: Reducer['read'] = (run, item, parent) => {
    const valuesOf: ReadValues = (event) => {
      const value = property.read(run, event, item);
      if (value === undefined || value === null) return [];
      return property.isMany ? (value as readonly never[]) : [value];
    };
    return reduce(stream.items(run, item, parent), valuesOf);
  };
  return { kind, read };
}

/** What is taken of each event: a property, or of accounts a trait of the person who did it (`activation.md` section 4). */
function compileTaken(compiler: Compiler, call: Call, node: Node, scope: Scope): Scalar | null {
  const isCall = node.kind === 'call' && node.on === null;
  if (isCall && node.name === 'trait') {
    const isAccount = scope.entity === 'ACCOUNTS' && scope.event === 'none';
    if (isAccount && ofPersons.includes(call.name))
      return compileTrait(compiler, node, 'USERS', (_, item) => item?.actor);
    return compiler.fault(
      node,
      isAccount
        ? `Traits of persons are taken by ${ofPersons.join('(), ')}() alone.`
        : `${call.name}() is of events: it takes property('…') or context('…'). Of accounts mode(), first() and last() also take trait('…'), of who did it.`,
    );
  }
  if (!isCall || (node.name !== 'property' && node.name !== 'context')) {
    return compiler.fault(node, `${call.name}() takes property('…') or context('…').`);
  }
  const name = eventOf(call);
  if (name !== null) compiler.around.push(name);
  const property = compileProperty(compiler, node, { ...scope, event: scope.event === 'none' ? 'one' : 'inner' });
  if (name !== null) compiler.around.pop();
  return property;
}

const ofPersons = ['mode', 'first', 'last'];

/** The name of the events of a chain; null when it is none. */
function eventOf(call: Call): string | null {
  let start: Node = call;
  while (start.kind === 'call' && start.on !== null) start = start.on;
  const [arg] = start.kind === 'call' ? start.args : [];
  return arg?.value.kind === 'text' ? arg.value.value : null;
}

function extreme(compiler: Compiler, call: Call, scope: Scope, sign: 1 | -1): Reducer | null {
  const [arg] = compiler.counted(call, call.args, 1) ?? [];
  const as = arg && asOf(compiler, arg, ['number', 'string'], 'number');
  if (arg === undefined || as === null || as === undefined) return null;
  return reduced(compiler, call, arg.value, scope, 'other', (events, read) =>
    reducers.extreme(events, read, sign, as === 'string'),
  );
}

/** `mode(property('x'), 2)`, `mode(property('x') as array, 2)`. */
function mode(compiler: Compiler, call: Call, scope: Scope): Reducer | null {
  const [arg, times] = compiler.counted(call, call.args, 1, 2) ?? [];
  const as = arg && asOf(compiler, arg, ['number', 'string', 'array'] as const, 'string');
  if (arg === undefined || as === null || as === undefined) return null;
  const least = times === undefined ? null : literalOf(times.value);
  const isWhole = least === null || (least.kind === 'number' && Number.isInteger(least.value) && least.value >= 1);
  if (times !== undefined && (least === null || !isWhole || times.name !== undefined || times.as !== undefined)) {
    return compiler.fault(times.value, 'How often it must be there is a whole number, 1 or more.');
  }
  const often = least?.kind === 'number' ? least.value : 2;
  return reduced(compiler, call, arg.value, scope, 'other', (events, read) => reducers.mode(events, read, as, often));
}

function asOf<As extends string>(compiler: Compiler, arg: Argument, known: readonly As[], usual: As): As | null {
  if (arg.name !== undefined) return compiler.fault(arg.value, `There is no ${arg.name}: here.`);
  if (arg.as === undefined) return usual;
  const found = known.find((one) => one === arg.as);
  return found ?? compiler.fault(arg.value, `as ${arg.as} has no meaning here; there is as ${known.join(', as ')}.`);
}
