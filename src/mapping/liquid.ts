/**
 * `@liquid`: templates in the Liquid language, with the limits of the reference: no loops, includes or case, no filters
 * that sort or search arrays, 1,000 characters, half a second.
 */
import { Liquid, LiquidError, type Template } from 'liquidjs';
import { type CompileDirective, constantNode, failingNode, MappingFailure, scalarNode } from './node.ts';

const maxTemplateLength = 1000;

const disabledTags = ['case', 'for', 'include', 'layout', 'render', 'tablerow'];

const disabledFilters = [
  ...['array_to_sentence_string', 'concat', 'find', 'find_exp', 'find_index', 'find_index_exp', 'group_by'],
  ...['group_by_exp', 'has', 'has_exp', 'map', 'newline_to_br', 'reject', 'reject_exp', 'reverse', 'sort'],
  ...['sort_natural', 'uniq', 'where_exp', 'type'],
];

function makeEngine(): Liquid {
  const engine = new Liquid({ renderLimit: 500, parseLimit: 1000, memoryLimit: 1e8 });
  for (const tag of disabledTags) {
    const disabled = () => {
      throw new MappingFailure('', `tag "${tag}" is disabled`);
    };
    engine.registerTag(tag, { parse: disabled, render: disabled });
  }
  for (const filter of disabledFilters) {
    engine.registerFilter(filter, () => {
      throw new MappingFailure('', `filter "${filter}" is disabled`);
    });
  }
  return engine;
}

/** `{ "@liquid": "{{ properties.email | downcase }}" }`. Parsed once; one that cannot be parsed fails for every input. */
export const liquid: CompileDirective = (value, at) => {
  if (typeof value !== 'string') return failingNode(at, 'liquid template value must be a string');
  if (value === '') return constantNode('');
  if (value.length > maxTemplateLength) {
    return failingNode(at, `liquid template values are limited to ${maxTemplateLength} characters`);
  }
  const engine = makeEngine();
  let parsed: Template[];
  try {
    parsed = engine.parse(value);
  } catch (error) {
    return failingNode(at, `@liquid: ${describe(error)}`);
  }
  return scalarNode((payload) => {
    try {
      return engine.renderSync(parsed, payload as object);
    } catch (error) {
      throw new MappingFailure(at, `@liquid: ${describe(error)}`);
    }
  });
};

/** The steps of every variable a template can look at; undefined when it cannot be parsed. A step that is computed is null. */
export function liquidVariables(template: string): readonly (readonly (string | null)[])[] | undefined {
  try {
    const found = makeEngine().variableSegmentsSync(template);
    return found.map((steps) => steps.map((step) => (Array.isArray(step) ? null : String(step))));
  } catch {
    return undefined;
  }
}

/** Texts of the parser show the template only; those of rendering may hold values, so only ours pass. */
function describe(error: unknown): string {
  const origin = LiquidError.is(error) ? error.originalError : error;
  if (origin instanceof MappingFailure) return origin.message;
  if (error instanceof Error && (error.name === 'ParseError' || error.name === 'TokenizationError')) {
    return error.message;
  }
  return 'the template cannot be rendered for this input';
}
