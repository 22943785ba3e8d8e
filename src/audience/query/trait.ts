/** What profiles are: `trait('plan')`, `trait('address.city')`. */
import type { Json } from '../../base/json.ts';
import type { Compiler } from './compiler.ts';
import type { Entity } from './query.ts';
import type { Item, Run, Scalar } from './run.ts';
import type { Call } from './tree.ts';
import { pathOf, valueAt } from './values.ts';

/** By key. */
type Traits = ReadonlyMap<string, Json>;

/** @param entity who is asked; @param traitsOf what they have */
export function compileTrait(
  compiler: Compiler,
  call: Call,
  entity: Entity,
  traitsOf: (run: Run, item: Item) => Traits | undefined,
): Scalar | null {
  const [node] = compiler.plain(call, 1) ?? [];
  const text = node && compiler.text(node, 'The key of a trait');
  if (node === undefined || text === null || text === undefined) return null;
  const path = pathOf(text);
  const key = path?.steps[0];
  if (path === null || key === undefined)
    return compiler.fault(node, 'This is not the key of a trait: a part between dots is empty.');
  if (key === '$')
    return compiler.fault(node, '$ stands for the elements of a list: before it comes the key of a trait.');
  const isOfPerson = entity === 'USERS' && compiler.use.entity === 'ACCOUNTS';
  (isOfPerson ? compiler.personTraits : compiler.traits).add(key);
  const isPlain = path.steps.length === 1;
  return {
    read: isPlain
      ? (run, item) => traitsOf(run, item)?.get(key)
      : (run, item) => valueAt(traitsOf(run, item)?.get(key), path, 1),
    ...{ isMany: path.isMany, isProperty: false, isConstant: false },
  };
}
