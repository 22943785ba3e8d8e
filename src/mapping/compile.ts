/** From a mapping to closures, once. Knows objects, lists and which directive is which; the directives know themselves. */
import { faultsOf } from './check.ts';
import { choose, excludeWhenNull, literal } from './choice-directives.ts';
import { withoutUndefined } from './clean.ts';
import { liquid } from './liquid.ts';
import {
  type Compile,
  type CompileDirective,
  constantNode,
  failingNode,
  isObject,
  type Node,
  type Read,
  type Spec,
  under,
} from './node.ts';
import { flatten, json, merge, transform } from './object-directives.ts';
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

export const compile: Compile = (spec, at) => {
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
};

/** A whole mapping that has been checked. */
export function compileMappingNode(mapping: { readonly [key: string]: Spec }): Node {
  const root = rootOf(mapping);
  return root.ok ? compile(root.spec, '') : failingNode('', root.message);
}

/** A mapping in its own right, as the reference's `transform` takes it: with root directive and checks. */
export function compileWhole(spec: Spec, at: string): Node {
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

function objectNode(keys: readonly string[], members: readonly Node[]): Node {
  if (members.every((member) => member.constant)) {
    return constantNode(Object.fromEntries(keys.map((key, index) => [key, members[index]?.constant?.value])));
  }
  const runs = members.map((member) => member.run);
  const run: Read = (payload) => {
    const object: Record<string, unknown> = {};
    for (let index = 0; index < keys.length; index++) object[keys[index] as string] = (runs[index] as Read)(payload);
    return object;
  };
  return { run, clean: samePlace(keys, members) ?? cleanMembers(keys, members) };
}

function cleanMembers(keys: readonly string[], members: readonly Node[]): Read {
  const cleans = members.map((member) => member.clean);
  return (payload) => {
    const object: Record<string, unknown> = {};
    for (let index = 0; index < keys.length; index++) {
      const value = (cleans[index] as Read)(payload);
      if (value !== undefined) object[keys[index] as string] = value;
    }
    return object;
  };
}

/** For the common object whose members are all paths of one place (`$.properties.a`, `$.properties.b`): one step less each. */
function samePlace(keys: readonly string[], members: readonly Node[]): Read | undefined {
  const place = members[0]?.path?.[0];
  if (place === undefined) return undefined;
  if (!members.every((member) => member.path?.length === 2 && member.path[0] === place)) return undefined;
  const names = members.map((member) => member.path?.[1] as string);
  return (payload) => {
    const source = payload && (payload as Record<string, unknown>)[place];
    const object: Record<string, unknown> = {};
    for (let index = 0; index < keys.length; index++) {
      let value = source && (source as Record<string, unknown>)[names[index] as string];
      if (typeof value === 'object' || typeof value === 'function') value = withoutUndefined(value);
      if (value !== undefined) object[keys[index] as string] = value;
    }
    return object;
  };
}
