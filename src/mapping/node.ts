/**
 * What a directive compiles to. `run` gives the value as the directives inside each other see it, in which an object may
 * have members that are undefined; `clean` gives the value as it leaves the mapping, without them. Both are pure. Values
 * taken from the input are shared with it, not copied, and constants are shared between outputs.
 */
import type { Fault } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import { withoutUndefined } from './clean.ts';

export type Read = (payload: unknown) => unknown;

/** What a mapping is written in; members may be undefined, as `JsonObject` allows. */
export type Spec = Json | undefined;

export interface Node {
  readonly run: Read;
  readonly clean: Read;
  /** The value, when it is the same for every input. */
  readonly constant?: { readonly value: unknown };
  /** The steps, when the node is nothing but a path. */
  readonly path?: readonly string[];
  /** Set when it fails for every input, and why. */
  readonly failsAlways?: Fault;
}

/** Compiles a part of a mapping; `at` is its path, for messages. */
export type Compile = (spec: Spec, at: string) => Node;

/** Compiles the value of one directive. */
export type CompileDirective = (value: Spec, at: string, compile: Compile) => Node;

/** A mapping that cannot take an input. The text names directives and types, never contents of a row. */
export class MappingFailure extends Error {
  readonly at: string;

  constructor(at: string, text: string) {
    super(text);
    this.at = at;
  }
}

/** A node whose value still has to be rid of undefined members. */
export function node(run: Read): Node {
  return { run, clean: (payload) => withoutUndefined(run(payload)) };
}

/** A node whose values are texts, numbers, booleans, null or undefined. */
export function scalarNode(run: Read): Node {
  return { run, clean: run };
}

export function constantNode(value: unknown): Node {
  const cleaned = deepFreeze(withoutUndefined(value));
  return { run: () => value, clean: () => cleaned, constant: { value } };
}

/** A node that no input can pass. */
export function failingNode(at: string, text: string): Node {
  const node = scalarNode(() => {
    throw new MappingFailure(at, text);
  });
  return { ...node, failsAlways: { where: at, message: text } };
}

/** The name of a value's type in messages: `object`, `array`, `null`, `string`, … */
export function typeName(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1).toLowerCase();
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && typeName(value) === 'object';
}

/** `traits` and `email` give `traits.email`. */
export function under(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
