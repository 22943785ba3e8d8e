/** Directives that make text: `@template`, `@case` and `@replace`. */
import {
  type CompileDirective,
  constantNode,
  failingNode,
  isObject,
  MappingFailure,
  type Node,
  node,
  type Read,
  scalarNode,
  typeName,
} from './node.ts';
import { placeholderSteps, stepsReader } from './path.ts';

/** Placeholders: first those of three braces, then, in what they became, those of two. */
export const tripleBraces = /\{\{\{([^}]+)\}\}\}/g;
export const doubleBraces = /\{\{([^}]+)\}\}/g;

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : String(value);
}

/** The pieces of a template: literals at even places, the paths of placeholders at odd ones. */
export function templatePieces(template: string, braces: RegExp): string[] {
  const width = braces === tripleBraces ? 3 : 2;
  const pieces: string[] = [];
  let end = 0;
  for (const match of template.matchAll(braces)) {
    pieces.push(template.slice(end, match.index), match[0].slice(width, -width).trim());
    end = match.index + match[0].length;
  }
  pieces.push(template.slice(end));
  return pieces;
}

function placeholderReader(name: string): Read {
  const steps = placeholderSteps(name);
  return steps.length === 0 ? inputOrEmpty : stepsReader(steps);
}

/** To a template, no input at all (what a `@transform` may hand on) is an empty object. */
function inputOrEmpty(payload: unknown): unknown {
  return payload === undefined ? {} : payload;
}

/** Fills in the placeholders of one kind; a constant text when there are none. */
function filler(pieces: readonly string[]): string | Read {
  const [head = '', name, tail = ''] = pieces;
  if (name === undefined) return head;
  const first = placeholderReader(name);
  if (pieces.length === 3) return (payload) => head + asText(first(payload)) + tail;
  const parts = pieces.map((piece, index) => (index % 2 === 0 ? piece : placeholderReader(piece)));
  return (payload) => {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : asText(part(payload));
    return text;
  };
}

function templateNode(template: string): Node {
  const triple = filler(templatePieces(template, tripleBraces));
  if (typeof triple === 'string') {
    const double = filler(templatePieces(template, doubleBraces));
    return typeof double === 'string' ? constantNode(double) : scalarNode(double);
  }
  return scalarNode((payload) => fillOnce(triple(payload) as string, payload));
}

function fillOnce(text: string, payload: unknown): string {
  if (!text.includes('{{')) return text;
  return text.replace(doubleBraces, (match) => asText(placeholderReader(match.slice(2, -2).trim())(payload)));
}

/** `{ "@template": "{{properties.first_name}} {{properties.last_name}}" }`. The template may itself be computed. */
export const template: CompileDirective = (value, at, compile) => {
  const inner = compile(value, at);
  if (inner.constant) {
    const text = inner.constant.value;
    return typeof text === 'string'
      ? templateNode(text)
      : failingNode(at, `@template: expected string, got ${typeName(text)}`);
  }
  return scalarNode((payload) => {
    const text = inner.run(payload);
    if (typeof text === 'string') return templateNode(text).run(payload);
    throw new MappingFailure(at, `@template: expected string, got ${typeName(text)}`);
  });
};

/** `{ "@case": { "operator": "lower" | "upper", "value": … } }`: text is changed, anything else passes. */
export const letterCase: CompileDirective = (value, at, compile) => {
  if (!isObject(value)) return failingNode(at, '@case requires an object with a "operator" key');
  const { operator, value: source } = value;
  if (!operator) return failingNode(at, '@case requires a "operator" key');
  if (!source) return constantNode(undefined);
  const inner = compile(source as typeof value, `${at}.value`).run;
  const change = caseChange(operator);
  return node((payload) => {
    const text = inner(payload);
    if (typeof text !== 'string') return text;
    if (change) return change(text);
    throw new MappingFailure(at, 'operator key should have a value of "lower" or "upper"');
  });
};

function caseChange(operator: unknown): ((text: string) => string) | undefined {
  if (operator === 'lower') return (text) => text.toLowerCase();
  return operator === 'upper' ? (text) => text.toUpperCase() : undefined;
}

/** The longest pattern and replacement of `@replace`, in characters (the reference's limits). */
export const maxPatternLength = 10;
export const maxReplacementLength = 10;

/**
 * `{ "@replace": { "pattern": "-", "replacement": "", "value": … } }`: every match of a literal text, or only the first
 * with `global: false`; `ignorecase`; a second pair `pattern2`, `replacement2`. Numbers and booleans are taken as text,
 * other values give an empty text.
 */
export const replace: CompileDirective = (value, at, compile) => {
  if (!isObject(value)) return failingNode(at, '@replace requires an object with a "pattern" key');
  if (!value.pattern) return failingNode(at, '@replace requires a "pattern" key');
  if (!value.value) return constantNode(undefined);
  const inner = compile(value.value as Parameters<CompileDirective>[0], `${at}.value`).run;
  const change = replacement(value, at);
  return scalarNode((payload) => {
    const found = inner(payload);
    const text = typeof found === 'boolean' || typeof found === 'number' ? String(found) : found;
    return typeof text === 'string' ? change(text) : '';
  });
};

function replacement(options: Record<string, unknown>, at: string): (text: string) => string {
  const { pattern, pattern2 } = options;
  const to = options.replacement ?? '';
  const ignoreCase = options.ignorecase ?? false;
  const global = options.global ?? true;
  if (typeof pattern !== 'string' || typeof to !== 'string') return () => '';
  if (typeof ignoreCase !== 'boolean' || typeof global !== 'boolean') return () => '';
  const flags = `${global ? 'g' : ''}${ignoreCase ? 'i' : ''}`;
  const first = replacer(pattern, to, flags, at);
  const to2 = pattern2 ? (options.replacement2 ?? '') : undefined;
  if (!pattern2 || typeof pattern2 !== 'string' || typeof to2 !== 'string') return first;
  const second = replacer(pattern2, to2, flags, at);
  return (text) => second(first(text));
}

function replacer(pattern: string, to: string, flags: string, at: string): (text: string) => string {
  if (pattern.length > maxPatternLength) {
    return failing(at, `@replace requires a "pattern" less than ${maxPatternLength} characters`);
  }
  if (to.length > maxReplacementLength) {
    return failing(at, `@replace requires a "replacement" less than ${maxReplacementLength} characters`);
  }
  const literal = new RegExp(pattern.replace(/[-[\]{}()*+?.,\\^$|#\s]/g, '\\$&'), flags);
  return (text) => text.replace(literal, to);
}

function failing(at: string, text: string): () => string {
  return () => {
    throw new MappingFailure(at, text);
  };
}
