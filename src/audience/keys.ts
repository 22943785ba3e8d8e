/** Keys of computations: the names of the traits they write (`activation.md` section 1). Pure. */

const longest = 255;

/** Lower case; what is neither a Latin letter nor a digit becomes `_`. Empty when the name has none of either. */
export function keyOf(name: string): string {
  const key = name.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return key.replace(/^_/, '').slice(0, longest).replace(/_$/, '');
}
