/** Directives that take values out of the input: `@path` and `@arrayPath`. */
import { withoutUndefined } from './clean.ts';
import { type CompileDirective, failingNode, isObject, MappingFailure, type Node, node, typeName } from './node.ts';
import { pathSteps, readSteps, stepsReader } from './path.ts';

function pathNode(path: string): Node {
  const steps = pathSteps(path);
  const run = stepsReader(steps);
  const clean = (payload: unknown) => {
    const value = run(payload);
    return typeof value === 'object' || typeof value === 'function' ? withoutUndefined(value) : value;
  };
  return { run, clean, path: steps };
}

/** `{ "@path": "$.properties.email" }`. The path may itself be computed. */
export const path: CompileDirective = (value, at, compile) => {
  const inner = compile(value, at);
  if (inner.constant) {
    const text = inner.constant.value;
    return typeof text === 'string' ? pathNode(text) : failingNode(at, `@path: expected string, got ${typeName(text)}`);
  }
  return node((payload) => {
    const text = inner.run(payload);
    if (typeof text === 'string') return readSteps(payload, pathSteps(text));
    throw new MappingFailure(at, `@path: expected string, got ${typeName(text)}`);
  });
};

/**
 * `{ "@arrayPath": ["$.properties.items", { "id": { "@path": "$.sku" } }] }`: each item through a shape whose paths start
 * at the item. One object counts as a list of one; anything else is passed on as it is.
 */
export const arrayPath: CompileDirective = (value, at, compile) => {
  if (!Array.isArray(value)) return failingNode(at, `@arrayPath expected array, got ${typeName(value)}`);
  const [source, shape] = value;
  const read = typeof source === 'string' ? pathNode(source).run : compile(source, `${at}.0`).run;
  if (!isObject(shape) || Object.keys(shape).length === 0) return node(read);
  const item = compile(shape as typeof source, `${at}.1`);
  const each = (payload: unknown, shaped: (one: unknown) => unknown) => {
    const root = read(payload);
    if (Array.isArray(root)) return root.map((one) => shaped(one));
    return isObject(root) ? [shaped(root)] : root;
  };
  return { run: (payload) => each(payload, item.run), clean: (payload) => each(payload, item.clean) };
};
