/** Single values: traits, properties of events and their context, what reducers make of events, and literals. */
import type { Json } from '../../base/json.ts';
import { type Compiler, literalOf, type Scope } from './compiler.ts';
import { compileProperty } from './properties.ts';
import { compileReducer, isStreamCall, reducerNames } from './reduce.ts';
import type { Scalar } from './run.ts';
import { noTables } from './streams.ts';
import { compileTrait } from './trait.ts';
import type { Call, Literal, Node } from './tree.ts';

const extractors = ['trait', 'property', 'context', 'literal', 'event'];

/** A value that can be compared. */
export function compileScalar(compiler: Compiler, node: Node, scope: Scope): Scalar | null {
  const literal = literalOf(node);
  if (literal !== null) return constant(compiler, literal);
  if (node.kind !== 'call') return compiler.fault(node, 'Here a value is expected, not a condition.');
  if (node.on !== null) return reduced(compiler, node, scope);
  switch (node.name) {
    case 'trait':
      return compileTrait(compiler, node, scope.entity, ({ subject }) => subject.traits);
    case 'property':
    case 'context':
      return compileProperty(compiler, node, scope);
    case 'event':
      return compiler.fault(node, "Events are no value yet: count them, e.g. event('Order Completed').count() >= 1.");
    case 'entity':
      return compiler.fault(node, noTables);
    case 'literal':
      compiler.plain(node, 1);
      return compiler.fault(node, 'literal() takes a text, a number, a day, a time, true or false.');
    default:
      return compiler.unknown(node, extractors);
  }
}

function constant(compiler: Compiler, literal: Literal): Scalar | null {
  if (literal.kind === 'duration')
    return compiler.fault(literal, 'A duration cannot be compared with; within_last() and its kin take one.');
  const value = valueOfLiteral(literal);
  return { read: () => value, isMany: false, isProperty: false, isConstant: true };
}

export function valueOfLiteral(literal: Exclude<Literal, { readonly kind: 'duration' }>): Json {
  // With its zone, so that it has an order.
  return literal.kind === 'time' ? new Date(literal.ms).toISOString() : literal.value;
}

function reduced(compiler: Compiler, call: Call, scope: Scope): Scalar | null {
  if (!isStreamCall(call)) return compiler.unknown(call, reducerNames);
  const reducer = compileReducer(compiler, call, scope);
  if (reducer === null) return null;
  if (reducer.kind === 'list') {
    return compiler.fault(call, 'A list cannot be compared: unique(…).count() says how many there are.');
  }
  return { read: reducer.read, isMany: false, isProperty: false, isConstant: false };
}
