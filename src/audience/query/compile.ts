/**
 * Gives a query its meaning. In: its text and what it is for. Out: a compiled query, or every fault with its place. The
 * parts are compiled by `conditions.ts`, `scalars.ts` and `streams.ts`; here is what is asked of the whole.
 */
import { Compiler, type Scope } from './compiler.ts';
import { compileComputedTrait } from './computed-trait.ts';
import { compileCondition } from './conditions.ts';
import { parseQuery } from './parse.ts';
import type { Cadence, Compiled, CompiledQuery, Evaluated, QueryUse } from './query.ts';
import { Run } from './run.ts';
import type { Node } from './tree.ts';

/** Of one query (`public-api.md` section 5). */
const mostChains = 50;

export function compileQuery(text: string, use: QueryUse): Compiled {
  const parsed = parseQuery(text);
  if (parsed.kind === 'faulty') return parsed;
  const compiler = new Compiler(use, compileCondition);
  const scope: Scope = { entity: use.entity, event: 'none' };
  const evaluate =
    use.kind === 'audience'
      ? audience(compiler, parsed.tree, scope)
      : compileComputedTrait(compiler, parsed.tree, scope);
  if (compiler.chains > mostChains) {
    compiler.fault(
      { line: 1, column: 1 },
      `A query looks at ${mostChains} things at most, each an event, a trait or a property that is compared; this one looks at ${compiler.chains}.`,
    );
  }
  const { faults } = compiler;
  if (evaluate === null || faults.length > 0) return { kind: 'faulty', faults: inOrder(faults) };
  return { kind: 'compiled', query: queryOf(compiler, evaluate) };
}

type Evaluator = Pick<CompiledQuery, 'evaluate' | 'emptied'>;

function audience(compiler: Compiler, tree: Node, scope: Scope): Evaluator | null {
  const condition = compileCondition(compiler, tree, scope);
  if (condition === null) return null;
  const evaluate = (subject: Run['subject'], now: number): Evaluated => {
    const run = new Run(subject, now);
    const value = condition(run, null, null);
    return { value, changesAt: run.changesAt };
  };
  return { emptied: undefined, evaluate };
}

function queryOf(compiler: Compiler, evaluator: Evaluator): CompiledQuery {
  const { events, traits, personTraits, longestWindowMs } = compiler;
  const cadence: Cadence = compiler.isBatch ? 'BATCH' : 'REALTIME';
  return { cadence, events, traits, personTraits, longestWindowMs, needsEvents: events.size > 0, ...evaluator };
}

function inOrder(faults: Compiler['faults']): Compiler['faults'] {
  return [...faults].sort((a, b) => a.line - b.line || a.column - b.column);
}
