/** A query as it is written, before its names have a meaning. */

/** Where something begins, from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export type Node =
  | Literal
  | Call
  | (Place & { readonly kind: 'compare'; readonly operator: Operator; readonly left: Node; readonly right: Node })
  | (Place & { readonly kind: 'AND' | 'OR'; readonly parts: readonly Node[] })
  | (Place & { readonly kind: 'NOT' | 'ANY' | 'ALL'; readonly of: Node });

export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=';

export type Literal = Place &
  (
    | { readonly kind: 'text'; readonly value: string }
    | { readonly kind: 'number'; readonly value: number }
    | { readonly kind: 'boolean'; readonly value: boolean }
    /** As it is written, and in ms since 1970; without a zone it is of UTC. */
    | { readonly kind: 'time'; readonly value: string; readonly ms: number }
    | { readonly kind: 'duration'; readonly amount: number; readonly unit: 'day' | 'hour' | 'second' }
  );

/** `name(…)`, or `on.name(…)`. */
export type Call = Place & {
  readonly kind: 'call';
  readonly on: Node | null;
  readonly name: string;
  readonly args: readonly Argument[];
};

export interface Argument {
  /** `name: value`. */
  readonly name?: string;
  readonly value: Node;
  /** `value as number`. */
  readonly as?: string;
}
