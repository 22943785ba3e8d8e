/** Directives that work on whole objects: `@flatten`, `@json`, `@merge` and `@transform`. */
import { type CompileDirective, failingNode, isObject, MappingFailure, node, type Spec, typeName } from './node.ts';

/** `{ "@flatten": { "value": …, "separator": ".", "omitArrays": false } }`: members of members become members. */
export const flatten: CompileDirective = (value, at, compile) => {
  if (!isObject(value)) return failingNode(at, '@flatten requires an object with a "separator" key');
  const options = value as Record<string, Spec>;
  if (!options.separator) return failingNode(at, '@flatten requires a "separator" key');
  const separator = compile(options.separator, `${at}.separator`).run;
  const inner = compile(options.value, `${at}.value`).run;
  const omitArrays = Boolean(options.omitArrays);
  return node((payload) => {
    const between = separator(payload);
    if (typeof between !== 'string') throw new MappingFailure(at, '@flatten requires a string separator');
    const flat: Record<string, unknown> = {};
    flattenInto(flat, inner(payload), '', between, omitArrays);
    return flat;
  });
};

function flattenInto(flat: object, value: unknown, prefix: string, separator: string, omitArrays: boolean): void {
  if (isObject(value) || (!omitArrays && Array.isArray(value))) {
    for (const [key, member] of Object.entries(value)) {
      flattenInto(flat, member, prefix ? `${prefix}${separator}${key}` : key, separator, omitArrays);
    }
    return;
  }
  Object.defineProperty(flat, prefix, { value, writable: true, enumerable: true, configurable: true });
}

/** `{ "@json": { "mode": "encode" | "decode", "value": … } }`. Text that is not JSON is passed on by `decode`. */
export const json: CompileDirective = (value, at, compile) => {
  if (!isObject(value)) return failingNode(at, '@json requires an object with a "value" key');
  const options = value as Record<string, Spec>;
  if (!options.mode) return failingNode(at, '@json requires a "mode" key');
  if (!options.value) return failingNode(at, '@json requires a "value" key');
  const inner = compile(options.value, `${at}.value`).run;
  if (options.mode === 'encode') return node((payload) => JSON.stringify(inner(payload)));
  if (options.mode === 'decode') return node((payload) => decode(inner(payload)));
  return node((payload) => {
    inner(payload);
  });
};

function decode(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** `{ "@merge": { "direction": "right" | "left", "objects": [ … ] } }`: later objects win, with `left` earlier ones. */
export const merge: CompileDirective = (value, at, compile) => {
  if (!isObject(value)) {
    return failingNode(at, '@merge requires an object with an "objects" key and a "direction" key');
  }
  const options = value as Record<string, Spec>;
  if (!options.direction) return failingNode(at, '@merge requires a "direction" key');
  const direction = compile(options.direction, `${at}.direction`).run;
  if (!options.objects) return failingNode(at, '@merge requires a "objects" key');
  if (!Array.isArray(options.objects)) {
    return failingNode(at, `@merge: expected opts.array, got ${typeof options.objects}`);
  }
  const parts = options.objects.map((part, index) => compile(part, `${at}.objects.${index}`).run);
  return node((payload) => {
    const toLeft = direction(payload) === 'left';
    const objects = parts.map((part) => part(payload));
    if (toLeft) objects.reverse();
    return Object.assign({}, ...objects);
  });
};

/**
 * `{ "@transform": { "apply": …, "mapping": … } }`: `apply` makes an object of the input, `mapping` is applied to that.
 * `compileWhole` compiles a mapping in its own right, with its checks.
 */
export function transform(compileWhole: CompileDirective): CompileDirective {
  return (value, at, compile) => {
    if (!isObject(value)) {
      return failingNode(at, '@transform requires an object with an "apply" key and a "mapping" key');
    }
    const options = value as Record<string, Spec>;
    if (!options.mapping) return failingNode(at, '@transform requires a "mapping" key');
    if (!options.apply) return failingNode(at, '@transform requires a "apply" key');
    if (!isObject(options.apply)) return failingNode(at, '@transform "apply" key should be an object');
    const apply = compileWhole(options.apply, `${at}.apply`, compile).clean;
    const mapping = compile(options.mapping, `${at}.mapping`);
    const applied = (payload: unknown) => {
      const input = payload === undefined ? {} : payload;
      if (!isObject(input)) throw new MappingFailure(at, `data must be an object, got ${typeName(input)}`);
      return apply(input);
    };
    return {
      run: (payload) => mapping.run(applied(payload)),
      clean: (payload) => mapping.clean(applied(payload)),
    };
  };
}
