/** Conditions: comparisons, and what joins them. */
import type { Json } from '../../base/json.ts';
import { comparisons, membershipTests, nameOfOperator } from './comparisons.ts';
import { type Compiler, literalOf, type Scope } from './compiler.ts';
import { type RelativeOperator, relativeOperators, spanOf } from './moments.ts';
import { isStreamCall } from './reduce.ts';
import type { Condition, Scalar } from './run.ts';
import { compileScalar, valueOfLiteral } from './scalars.ts';
import { durationOf } from './streams.ts';
import type { Call, Node } from './tree.ts';
import { calendarMs, isMissing, timeOf, type Value } from './values.ts';

/** Names of comparisons, as they follow a dot. */
export const comparisonNames = [
  ...Object.keys(comparisons),
  ...Object.keys(membershipTests),
  ...['exists', 'absent', 'before_date', 'after_date', ...relativeOperators],
];

export function compileCondition(compiler: Compiler, node: Node, scope: Scope): Condition | null {
  switch (node.kind) {
    case 'AND':
    case 'OR': {
      const parts = node.parts.map((part) => compileCondition(compiler, part, scope));
      if (parts.some((part) => part === null)) return null;
      return junction(node.kind, parts as Condition[]);
    }
    case 'NOT': {
      const of = compileCondition(compiler, node.of, scope);
      return of && ((run, item, parent) => !of(run, item, parent));
    }
    case 'ANY':
    case 'ALL':
      return ofPeople(compiler, node, scope);
    case 'compare':
      return compared(compiler, node.left, nameOfOperator[node.operator], node.right, scope);
    case 'call':
      return called(compiler, node, scope);
    default:
      return compiler.fault(node, "Here a condition is expected, e.g. trait('plan') = 'pro'.");
  }
}

function junction(kind: 'AND' | 'OR', parts: readonly Condition[]): Condition {
  const wanted = kind === 'OR';
  return (run, item, parent) => {
    for (const part of parts) if (part(run, item, parent) === wanted) return wanted;
    return !wanted;
  };
}

/** `ANY x`: of at least one of the people; `ALL x`: of each, of nobody not. */
function ofPeople(compiler: Compiler, node: Extract<Node, { kind: 'NOT' | 'ANY' | 'ALL' }>, scope: Scope) {
  if (scope.entity !== 'ACCOUNTS' || scope.event !== 'none') {
    compileCondition(compiler, node.of, scope);
    return compiler.fault(node, `${node.kind} is of the people of an account: it has no meaning here.`);
  }
  const of = compileCondition(compiler, node.of, { ...scope, entity: 'USERS' });
  if (of === null) return null;
  const isAny = node.kind === 'ANY';
  const condition: Condition = (run) => {
    const { users } = run.subject;
    if (isAny) return users.some((user) => of(run.of(user), null, null));
    return users.length > 0 && users.every((user) => of(run.of(user), null, null));
  };
  return condition;
}

function called(compiler: Compiler, call: Call, scope: Scope): Condition | null {
  const { on, name } = call;
  if (on === null || isStreamCall(call) || !comparisonNames.includes(name)) return incomplete(compiler, call, scope);
  if (name in comparisons) {
    const [right] = compiler.plain(call, 1) ?? [];
    return right === undefined ? null : compared(compiler, on, name, right, scope);
  }
  compiler.chains += 1;
  const scalar = compileScalar(compiler, on, scope);
  const test = testOf(compiler, call);
  if (scalar === null || test === null) return null;
  // Of a list that holds nothing, as of no value. One that omits a text does so in each element.
  const ofElements = name === 'omits' ? 'every' : 'some';
  const times = Math.max(1, call.args.length);
  if (!scalar.isMany) {
    return (run, item, parent) => {
      if (parent !== null) run.compares(times);
      return test(scalar.read(run, item, parent), run);
    };
  }
  return (run, item, parent) => {
    const values = scalar.read(run, item, parent) as readonly Json[];
    if (parent !== null) run.compares(times * values.length);
    return values.length === 0 ? test(undefined, run) : values[ofElements]((value) => test(value, run));
  };
}

/** A value, or events, where a condition is expected. */
function incomplete(compiler: Compiler, call: Call, scope: Scope): null {
  const before = compiler.faults.length;
  const isKnown = call.on === null || isStreamCall(call);
  if (!isKnown) {
    const isFilter = ['where', 'sources', 'within', 'between', 'expires_after'].includes(call.name);
    if (!isFilter) return compiler.unknown(call, comparisonNames);
    return compiler.fault(call, 'Events are no condition yet: count them, e.g. .count() >= 1.');
  }
  compileScalar(compiler, call, scope);
  if (compiler.faults.length > before) return null;
  return compiler.fault(call, 'This is a value; a condition compares it, e.g. with = or .exists().');
}

type Test = (value: Value, run: Parameters<Condition>[0]) => boolean;

/** What follows the dot. */
function testOf(compiler: Compiler, call: Call): Test | null {
  const { name } = call;
  if (name === 'exists' || name === 'absent') {
    const isThere = name === 'exists';
    return compiler.plain(call, 0) && ((value) => isMissing(value) !== isThere);
  }
  if ((relativeOperators as readonly string[]).includes(name)) {
    const [node] = compiler.plain(call, 1) ?? [];
    const duration = node && durationOf(compiler, node, false);
    if (!duration) return null;
    return (value, run) => {
      const at = timeOf(value);
      return !Number.isNaN(at) && run.holds(spanOf(name as RelativeOperator, at, duration));
    };
  }
  if (name === 'before_date' || name === 'after_date') return dateTest(compiler, call, name === 'before_date');
  return membership(compiler, call);
}

function dateTest(compiler: Compiler, call: Call, isBefore: boolean): Test | null {
  const [node] = compiler.plain(call, 1) ?? [];
  if (node === undefined) return null;
  const literal = literalOf(node);
  const ms = literal?.kind === 'time' ? literal.ms : literal?.kind === 'text' ? dateOfText(literal.value) : Number.NaN;
  if (Number.isNaN(ms))
    return compiler.fault(node, `${call.name}() takes a day or a time, e.g. 2026-01-31 or 2026-01-31T09:00:00Z.`);
  return (value) => {
    const at = timeOf(value);
    return isBefore ? at < ms : at > ms;
  };
}

/** A day, or a time with its zone. */
function dateOfText(text: string): number {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? calendarMs(text) : timeOf(text);
}

function membership(compiler: Compiler, call: Call): Test | null {
  const { name } = call;
  const isText = name === 'omits' || name === 'starts_with' || name === 'ends_with';
  const nodes = compiler.plain(call, 1, isText ? 1 : Number.POSITIVE_INFINITY);
  if (nodes === null) return null;
  const operands = nodes.map((node) => {
    const literal = literalOf(node);
    if (literal === null || literal.kind === 'duration' || (isText && literal.kind !== 'text')) {
      compiler.fault(node, `${name}() takes ${isText ? 'a text' : 'texts, numbers or days'}.`);
      return null;
    }
    return valueOfLiteral(literal);
  });
  if (operands.includes(null)) return null;
  const test = membershipTests[name] as (typeof membershipTests)[string];
  return (value) => test(value, operands as readonly Json[]);
}

/** Two values; the right one may be read from the profile too. */
function compared(compiler: Compiler, left: Node, name: string, right: Node, scope: Scope): Condition | null {
  const a = literalOf(left) === null ? compileScalar(compiler, left, scope) : literalFirst(compiler, left);
  const b = compileScalar(compiler, right, scope);
  compiler.chains += b?.isConstant === false ? 2 : 1;
  if (a === null || b === null) return null;
  // A property that is compared with something that is not fixed.
  if (!b.isConstant && (a.isProperty || b.isProperty)) compiler.isBatch = true;
  const test = comparisons[name] as (typeof comparisons)[string];
  if (!a.isMany && !b.isMany) {
    return (run, item, parent) => {
      if (parent !== null) run.compares(1);
      return test(a.read(run, item, parent), b.read(run, item, parent));
    };
  }
  return (run, item, parent) => {
    const values = valuesOf(a, a.read(run, item, parent));
    const others = valuesOf(b, b.read(run, item, parent));
    if (parent !== null || (a.isMany && b.isMany)) run.compares(values.length * others.length);
    return values.some((value) => others.some((other) => test(value, other)));
  };
}

function literalFirst(compiler: Compiler, node: Node): null {
  return compiler.fault(node, "Write the value that is looked at first: trait('age') > 18.");
}

function valuesOf({ isMany }: Scalar, value: Value): readonly Value[] {
  return isMany ? (value as readonly Json[]) : [value];
}
