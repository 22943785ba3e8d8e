/** What compiling one query gathers: faults, and what the whole looks at. */
import { suggestion } from '../../base/near-names.ts';
import type { Entity, QueryFault, QueryUse } from './query.ts';
import type { Condition } from './run.ts';
import type { Argument, Call, Literal, Node, Place } from './tree.ts';

/** Where a part of a query stands. */
export interface Scope {
  /** Whom it is asked of; inside ANY and ALL people. */
  readonly entity: Entity;
  /** Whether it is asked of an event, or of one that is looked for from another. */
  readonly event: 'none' | 'one' | 'inner';
}

export class Compiler {
  readonly use: QueryUse;
  /** Conditions hold events, whose conditions are compiled as these are. */
  readonly condition: (compiler: Compiler, node: Node, scope: Scope) => Condition | null;
  readonly faults: QueryFault[] = [];
  readonly events = new Map<string, { properties: Set<string>; context: Set<string> }>();
  readonly traits = new Set<string>();
  /** Those that are asked of persons while accounts are computed. */
  readonly personTraits = new Set<string>();
  longestWindowMs: number | null = null;
  isBatch: boolean;
  /** Chains that begin with what is looked at, and are compared or are the value of a trait. */
  chains = 0;
  /** Streams of events that are looked for from others. */
  lookups = 0;
  /** Names of the events whose conditions are being compiled, the innermost last. */
  readonly around: string[] = [];

  constructor(use: QueryUse, condition: Compiler['condition']) {
    this.use = use;
    this.condition = condition;
    this.isBatch = use.entity === 'ACCOUNTS';
  }

  /** Notes what is wrong. Returns null, for whoever has nothing else to return. */
  fault({ line, column }: Place, message: string): null {
    this.faults.push({ line, column, message });
    return null;
  }

  unknown(call: Call, known: readonly string[], what = 'function'): null {
    return this.fault(call, `There is no ${what} ${call.name}().${suggestion(call.name, known)}`);
  }

  watchesEvent(name: string): void {
    this.events.set(name, this.events.get(name) ?? { properties: new Set(), context: new Set() });
  }

  /** The event of this name is asked for a member of its properties, or its context. */
  readsEvent(name: string | undefined, of: 'properties' | 'context', member: string): void {
    if (name === undefined) return;
    this.watchesEvent(name);
    this.events.get(name)?.[of].add(member);
  }

  looksBack(ms: number): void {
    this.longestWindowMs = Math.max(this.longestWindowMs ?? 0, ms);
  }

  /** The arguments of a call without names and `as`, so many of them; null when they are others. */
  plain(call: Call, least: number, most = least): readonly Node[] | null {
    const { name, args } = call;
    const odd = args.find((arg) => arg.name !== undefined || arg.as !== undefined);
    if (odd !== undefined) {
      return this.fault(
        odd.value,
        `${name}() knows no ${odd.name === undefined ? `as ${odd.as}` : `${odd.name}:`} here.`,
      );
    }
    return this.counted(call, args, least, most)?.map(({ value }) => value) ?? null;
  }

  counted(call: Call, args: readonly Argument[], least: number, most = least): readonly Argument[] | null {
    if (args.length >= least && args.length <= most) return args;
    const wanted =
      least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
    const noun = wanted === '1' || wanted === 'at least 1' ? 'value' : 'values';
    return this.fault(
      call,
      `${call.name}() takes ${least === 0 && most === 0 ? 'no values' : `${wanted} ${noun}`}, not ${args.length}.`,
    );
  }

  /** The text of a node that is one; null when it is not. */
  text(node: Node, what: string): string | null {
    return node.kind === 'text' ? node.value : this.fault(node, `${what} is written as a text, in quotation marks.`);
  }
}

/** A literal, also one in `literal(…)`. */
export function literalOf(node: Node): Literal | null {
  if (node.kind === 'call') {
    const [arg] = node.args;
    return node.on === null && node.name === 'literal' && node.args.length === 1 && arg !== undefined
      ? literalOf(arg.value)
      : null;
  }
  return isLiteral(node) ? node : null;
}

const literalKinds: ReadonlySet<string> = new Set(['text', 'number', 'boolean', 'time', 'duration']);

function isLiteral(node: Node): node is Literal {
  return literalKinds.has(node.kind);
}
