/** From a mapping to closures, once. Knows objects, lists and which directive is which; the directives know themselves. */
import type { Fault } from '../base/errors.ts';
import { faultsOf, unique } from './check.ts';
import { choose, excludeWhenNull, literal } from './choice-directives.ts';
import { liquid } from './liquid.ts';
import {
  type Compile,
  type CompileDirective,
  constantNode,
  failingNode,
  isObject,
  type Node,
  type Spec,
  under,
} from './node.ts';
import { flatten, json, merge, transform } from './object-directives.ts';
import { objectNode } from './object-node.ts';
import { arrayPath, path } from './path-directives.ts';
import { rootOf } from './root.ts';
import { letterCase, replace, template } from './text-directives.ts';

const directives: Readonly<Record<string, CompileDirective>> = {
  '@path': path,
  '@arrayPath': arrayPath,
  '@template': template,
  '@case': letterCase,
  '@replace': replace,
  '@if': choose,
  '@literal': literal,
  '@excludeWhenNull': excludeWhenNull,
  '@flatten': flatten,
  '@json': json,
  '@merge': merge,
  '@transform': transform(compileWhole),
  '@liquid': liquid,
};

/** The name of the directive that an object stands for; undefined when it is a plain object. */
export function directiveName(spec: object): string | undefined {
  let name: string | undefined;
  for (const key of Object.keys(spec)) {
    if (key.startsWith('@')) name ??= key;
    else if (key !== '_metadata') return undefined;
  }
  return name;
}

export const compile: Compile = (spec, at) => compileWith(spec, at, compile);

/** The faults that only compiling finds, e.g. a Liquid template that cannot be parsed: they fail for every input. */
export function hopelessParts(mapping: { readonly [key: string]: Spec }): readonly Fault[] {
  const faults: Fault[] = [];
  const known = new Map<Spec, Map<string, Node>>();
  const collecting: Compile = (spec, at) => {
    const before = known.get(spec)?.get(at);
    if (before !== undefined) return before;
    const made = compileWith(spec, at, collecting);
    if (isObject(spec)) known.set(spec, (known.get(spec) ?? new Map<string, Node>()).set(at, made));
    if (made.failsAlways !== undefined) {
      faults.push(made.failsAlways);
      // A directive that fails may not have looked at all of its options.
      for (const [path, option] of optionsOf(spec, at)) collecting(option, path);
    }
    return made;
  };
  const root = rootOf(mapping);
  if (root.ok) collecting(root.spec, '');
  return unique(faults);
}

function optionsOf(spec: Spec, at: string): readonly (readonly [string, Spec])[] {
  const name = isObject(spec) ? directiveName(spec) : undefined;
  const options = name === undefined ? undefined : (spec as { readonly [key: string]: Spec })[name];
  if (name === undefined || typeof options !== 'object' || options === null) return [];
  return Object.entries(options).map(([key, option]) => [under(under(at, name), key), option as Spec]);
}

function compileWith(spec: Spec, at: string, compile: Compile): Node {
  if (Array.isArray(spec)) return listNode(spec.map((item, index) => compile(item, under(at, String(index)))));
  if (!isObject(spec)) return constantNode(spec);
  const name = directiveName(spec);
  if (name === undefined) {
    const entries = Object.entries(spec).filter(([key]) => key !== '__proto__');
    return objectNode(
      entries.map(([key]) => key),
      entries.map(([key, member]) => compile(member as Spec, under(at, key))),
    );
  }
  const directive = Object.hasOwn(directives, name) ? directives[name] : undefined;
  if (!directive) return failingNode(at, `${name} is not a valid directive, got undefined`);
  return directive(spec[name] as Spec, under(at, name), compile);
}

/** A whole mapping that has been checked. */
export function compileMappingNode(mapping: { readonly [key: string]: Spec }): Node {
  const root = rootOf(mapping);
  return root.ok ? compile(root.spec, '') : failingNode('', root.message);
}

/** A mapping in its own right, as the reference's `transform` takes it: with root directive and checks. */
function compileWhole(spec: Spec, at: string, compile: Compile): Node {
  const root = rootOf(spec as { readonly [key: string]: Spec });
  if (!root.ok) return failingNode(at, root.message);
  const [fault] = faultsOf(root.spec, at);
  if (fault) return failingNode(fault.where, fault.message);
  return compile(root.spec, at);
}

function listNode(items: readonly Node[]): Node {
  if (items.every((item) => item.constant)) return constantNode(items.map((item) => item.constant?.value));
  return {
    run: (payload) => items.map((item) => item.run(payload)),
    clean: (payload) => items.map((item) => item.clean(payload)),
  };
}
