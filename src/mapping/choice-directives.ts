/** Directives that choose or pass on: `@if`, `@literal` and `@excludeWhenNull`. */
import { nullsToUndefined, withoutNulls } from './clean.ts';
import { type CompileDirective, constantNode, failingNode, isObject, type Node, type Spec } from './node.ts';

const nothing = constantNode(undefined);

/**
 * `{ "@if": { "exists": …, "then": …, "else": … } }`, true when the value is neither undefined nor null; with `blank` in
 * place of `exists`, also not an empty text. `exists` wins when both are there.
 */
export const choose: CompileDirective = (value, at, compile) => {
  if (!isObject(value)) return failingNode(at, '@if requires an object with an "exists" key');
  const options = value as Record<string, Spec>;
  if (!options.exists && !options.blank) return failingNode(at, '@if requires an "exists" key or a "blank" key');
  const asked = options.exists !== undefined ? 'exists' : 'blank';
  const tested = compile(options[asked], `${at}.${asked}`).run;
  const holds = asked === 'exists' ? exists : isNotBlank;
  const yes = options.then === undefined ? nothing : compile(options.then, `${at}.then`);
  const no = options.else ? compile(options.else, `${at}.else`) : nothing;
  return {
    run: (payload) => (holds(tested(payload)) ? yes : no).run(payload),
    clean: (payload) => (holds(tested(payload)) ? yes : no).clean(payload),
  };
};

function exists(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The reference compares loosely with an empty text, so that 0, false and an empty array are blank too. */
function isNotBlank(value: unknown): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: equal to the reference, see above
  return value !== undefined && value !== null && value != '';
}

/** `{ "@literal": … }`: the value; directives inside it still work. */
export const literal: CompileDirective = (value, at, compile) => compile(value, at);

/** `{ "@excludeWhenNull": … }`: null is left out; of an object, its null members, at any depth outside arrays. */
export const excludeWhenNull: CompileDirective = (value, at, compile) => withoutNullsNode(compile(value, at));

/** Leaves out nulls of what a node gives: the directive above, and a field whose nulls are not to be sent. */
export function withoutNullsNode(inner: Node): Node {
  return {
    run: (payload) => {
      const value = inner.run(payload);
      return value === null ? undefined : nullsToUndefined(value);
    },
    clean: (payload) => withoutNulls(inner.run(payload)),
  };
}
