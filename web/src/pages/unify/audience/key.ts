const longest = 255;

/** The key that the server will make of a name; empty when the name has nothing to make one of. Pure. */
export function keyOf(name: string): string {
  const key = name.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return key.replace(/^_/, '').slice(0, longest).replace(/_$/, '');
}
