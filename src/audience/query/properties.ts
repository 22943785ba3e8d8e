/** What events carry: their properties, and the context they came in. */
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { Compiler, Scope } from './compiler.ts';
import type { SubjectEvent } from './query.ts';
import type { Scalar } from './run.ts';
import type { Call } from './tree.ts';
import { type Path, pathOf, type Value, valueAt } from './values.ts';

/** `property('a.b')`, `property(parent: 'a')`, `context('page.url')`. */
export function compileProperty(compiler: Compiler, call: Call, scope: Scope): Scalar | null {
  const isContext = call.name === 'context';
  const { name, args } = call;
  if (scope.event === 'none') {
    return compiler.fault(call, `${name}() is of an event: it stands in where(…), or in a function such as sum(…).`);
  }
  const [arg] = compiler.counted(call, args, 1) ?? [];
  if (arg === undefined) return null;
  const isParent = arg.name === 'parent' && !isContext;
  if ((arg.name !== undefined && !isParent) || arg.as !== undefined) {
    return compiler.fault(
      arg.value,
      `${name}() takes the way to a value, e.g. ${name}('${isContext ? 'page.url' : 'total'}').`,
    );
  }
  const text = compiler.text(arg.value, 'The way to a value');
  const path = text === null ? null : pathOf(text);
  if (text === null) return null;
  if (path === null) return compiler.fault(arg.value, 'A part between dots is empty.');
  if (isContext && path.steps[0] === 'traits')
    return compiler.fault(arg.value, 'context.traits is not kept with events; trait() reads the profile.');
  if (isParent && scope.event !== 'inner') {
    return compiler.fault(call, 'parent: is the event around this one: it stands in an event(…) inside of where(…).');
  }
  if (isParent) compiler.isBatch = true;
  const event = compiler.around.at(isParent ? -2 : -1);
  compiler.readsEvent(event, isContext ? 'context' : 'properties', path.steps[0] as string);
  const readFrom = isContext ? contextOf(path) : propertyOf(path);
  return {
    read: (_, item, parent) => readFrom(isParent ? parent : item),
    ...{ isMany: path.isMany, isProperty: true, isConstant: false },
  };
}

type ReadFrom = (event: SubjectEvent | null) => Value;

function contextOf(path: Path): ReadFrom {
  return (event) => valueAt(event?.message?.context, path);
}

function propertyOf(path: Path): ReadFrom {
  const [name] = path.steps;
  const type = path.steps.length > 1 ? null : name === 'page_name' ? 'page' : name === 'screen_name' ? 'screen' : null;
  if (type === null) return (event) => valueAt(propertiesOf(event), path);
  return (event) => (event?.message?.type === type ? event.message.name : valueAt(propertiesOf(event), path));
}

function propertiesOf(event: SubjectEvent | null): JsonObject | undefined {
  const properties = event?.message?.properties;
  return isJsonObject(properties) ? properties : undefined;
}
