/** A computed trait as a whole: one value, or a list. */
import type { Compiler, Scope } from './compiler.ts';
import type { CompiledQuery } from './query.ts';
import { compileReducer, isStreamCall, type Reducer } from './reduce.ts';
import { Run } from './run.ts';
import { compileScalar } from './scalars.ts';
import type { Node } from './tree.ts';
import { isMissing, type Value } from './values.ts';

const conditions: ReadonlySet<string> = new Set(['compare', 'AND', 'OR', 'NOT', 'ANY', 'ALL']);

export function compileComputedTrait(
  compiler: Compiler,
  tree: Node,
  scope: Scope,
): Pick<CompiledQuery, 'evaluate' | 'emptied'> | null {
  if (conditions.has(tree.kind)) {
    return compiler.fault(tree, 'A computed trait is a value; this is a condition, of which an audience is made.');
  }
  compiler.chains += 1;
  if (tree.kind === 'call' && isStreamCall(tree)) {
    const reducer = compileReducer(compiler, tree, scope);
    if (reducer === null) return null;
    const { kind, read } = reducer;
    return { emptied: emptiedTo[kind], evaluate: evaluatorOf((run) => ofSomething(kind, read(run, null, null))) };
  }
  const scalar = compileScalar(compiler, tree, scope);
  if (scalar === null) return null;
  if (scalar.isConstant)
    return compiler.fault(tree, 'This is the same for everybody: a computed trait is made of events or of a trait.');
  return { emptied: undefined, evaluate: evaluatorOf((run) => scalar.read(run, null, null)) };
}

function evaluatorOf(read: (run: Run) => Value): CompiledQuery['evaluate'] {
  return (subject, now) => {
    const run = new Run(subject, now);
    const value = read(run);
    return { value: isMissing(value) ? undefined : value, changesAt: run.changesAt };
  };
}

const emptiedTo = { count: 0, sum: 0, list: [], other: undefined } as const;

/** A count of nothing and a list of nothing are no values of a computed trait. */
function ofSomething(kind: Reducer['kind'], value: Value): Value {
  const isNothing =
    (kind === 'count' && value === 0) || (kind === 'list' && Array.isArray(value) && value.length === 0);
  return isNothing ? undefined : value;
}
