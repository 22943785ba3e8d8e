/**
 * The faults of a mapping that can be told without an input. Accepts exactly what the reference's validation accepts:
 * it does not look into lists, nor into what `@literal` and other raw values hold; directives there show at run time.
 */
import type { Fault } from '../base/errors.ts';
import { isObject, type Spec, typeName, under } from './node.ts';
import { rootOf } from './root.ts';
import { maxPatternLength, maxReplacementLength } from './text-directives.ts';

type Check = (value: Spec, at: string, faults: Findings) => void;

/** What was found, and which directives were looked at: options are looked at in two ways, the directives in them once. */
class Findings {
  readonly list: Fault[] = [];
  readonly #seen = new Map<object, Set<string>>();

  push(fault: Fault): void {
    this.list.push(fault);
  }

  /** True the first time. */
  enter(value: object, at: string): boolean {
    const places = this.#seen.get(value) ?? new Set();
    this.#seen.set(value, places);
    return !places.has(at) && places.add(at).has(at);
  }
}

/** Every fault of a whole mapping, each once. */
export function mappingFaults(directives: { readonly [key: string]: Spec }): readonly Fault[] {
  const root = rootOf(directives);
  return root.ok ? faultsOf(root.spec, '') : [{ where: '', message: root.message }];
}

/** Every fault of a part of a mapping, each once. */
export function faultsOf(spec: Spec, at: string): readonly Fault[] {
  const faults = new Findings();
  any(spec, at, faults);
  return unique(faults.list);
}

/** Each fault once. */
export function unique(faults: readonly Fault[]): readonly Fault[] {
  const seen = new Set<string>();
  return faults.filter((fault) => {
    const key = JSON.stringify([fault.where, fault.message]);
    return !seen.has(key) && seen.add(key);
  });
}

function kindOf(value: unknown): string {
  if (isObject(value) && Object.keys(value).some((key) => key.startsWith('@'))) return 'directive';
  return typeName(value);
}

function article(kind: string): string {
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

const any: Check = (value, at, faults) => {
  const kind = kindOf(value);
  if (kind === 'directive') directive(value, at, faults);
  else if (kind === 'object') members(value, at, faults);
};

const directive: Check = (value, at, faults) => {
  if (!faults.enter(value as object, at)) return;
  const keys = Object.keys(value as object);
  const names = keys.filter((key) => key.startsWith('@'));
  const others = keys.filter((key) => !key.startsWith('@') && key !== '_metadata');
  if (names.length > 1 || others.length > 0) {
    const count = names.length > 1 ? names.length : keys.length;
    faults.push({ where: at, message: `should only have one @-prefixed key but it has ${count} keys` });
    return;
  }
  const name = names[0] as string;
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
  if (!check) {
    faults.push({ where: at, message: `has an invalid directive: ${name}` });
    return;
  }
  check((value as { readonly [key: string]: Spec })[name], under(at, name), faults);
};

const members: Check = (value, at, faults) => {
  for (const [key, member] of Object.entries(value as object)) any(member, under(at, key), faults);
};

/** One that takes some kinds of value, and perhaps directives. */
function kinds(expected: string, ...accepted: string[]): Check {
  return (value, at, faults) => {
    const kind = kindOf(value);
    if (!accepted.includes(kind)) {
      faults.push({ where: at, message: `should be ${expected} but it is ${article(kind)}` });
    } else if (kind === 'directive') {
      directive(value, at, faults);
    }
  };
}

const text = kinds('a string', 'string');
const flag = kinds('a boolean', 'boolean');
const list = kinds('an array', 'array');
const textOrDirective = kinds('a string or a mapping directive', 'string', 'directive');
const raw = kinds(
  'a mapping directive or a JSON value',
  ...['directive', 'object', 'array', 'boolean', 'string', 'number', 'null'],
);

const objectOrDirective: Check = (value, at, faults) => {
  kinds('an object or a mapping directive', 'object', 'directive')(value, at, faults);
  if (kindOf(value) === 'object') members(value, at, faults);
};

function textOfLength(min: number, max: number): Check {
  return (value, at, faults) => {
    text(value, at, faults);
    if (typeof value !== 'string') return;
    if (value.length < min) faults.push({ where: at, message: `should be a string of length ${min} or greater` });
    if (value.length > max) faults.push({ where: at, message: `should be a string of length ${max} or less` });
  };
}

function oneOf(...allowed: string[]): Check {
  return (value, at, faults) => {
    text(value, at, faults);
    if (typeof value !== 'string' || allowed.includes(value.toLowerCase())) return;
    faults.push({ where: at, message: `should be one of ${allowed.join(', ')} but it is ${JSON.stringify(value)}` });
  };
}

/** An object of options. All its members are checked as mappings, the named ones also in their own way. */
function options(required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check {
  return (value, at, faults) => {
    const kind = kindOf(value);
    if (kind !== 'object') {
      faults.push({ where: at, message: `should be an object but it is ${article(kind)}` });
      return;
    }
    members(value, at, faults);
    const given = value as { readonly [key: string]: Spec };
    for (const [key, check] of Object.entries(required)) {
      if (given[key] !== undefined) check(given[key], under(at, key), faults);
      else faults.push({ where: at, message: `should have field ${JSON.stringify(key)} but it doesn't` });
    }
    for (const [key, check] of Object.entries(optional)) {
      if (given[key] !== undefined) check(given[key], under(at, key), faults);
    }
  };
}

const mergeOptions = options({ objects: list }, { direction: oneOf('left', 'right') });

const checks: Readonly<Record<string, Check>> = {
  '@path': textOrDirective,
  '@template': textOrDirective,
  '@literal': raw,
  '@excludeWhenNull': raw,
  '@liquid': text,
  '@if': options({}, Object.fromEntries(['exists', 'then', 'else'].map((key) => [key, raw]))),
  '@case': options({}, { operator: text, value: textOrDirective }),
  '@replace': options(
    { pattern: textOfLength(1, maxPatternLength), value: textOrDirective },
    { replacement: textOfLength(0, maxReplacementLength), ignorecase: flag, global: flag },
  ),
  '@json': options({ value: raw, mode: oneOf('encode', 'decode') }),
  '@flatten': options({ value: raw }, { separator: text }),
  '@transform': options({ apply: objectOrDirective, mapping: objectOrDirective }),
  '@merge': (value, at, faults) => {
    mergeOptions(value, at, faults);
    const objects = isObject(value) ? value.objects : undefined;
    if (!Array.isArray(objects)) return;
    objects.forEach((object, index) => {
      objectOrDirective(object, under(at, `objects.${index}`), faults);
    });
  },
  '@arrayPath': (value, at, faults) => {
    list(value, at, faults);
    if (!Array.isArray(value)) return;
    textOrDirective(value[0], under(at, '0'), faults);
    any(value[1], under(at, '1'), faults);
  },
};
