/**
 * Objects with constant keys, which most of a mapping is: the fields themselves, and traits. Their code is the hot spot
 * of a sync, hence its form. A property access in a loop sees a new name in each round; written out, each access of a
 * mapping sees few names, which V8 serves several times faster. Likewise, members that are paths into one place
 * (`$.properties.a`, `$.properties.b`) are read from that place directly, not each by a function of its own.
 */
import { withoutUndefined } from './clean.ts';
import { constantNode, type Node, type Read } from './node.ts';

type Bag = Record<string, unknown>;

export function objectNode(keys: readonly string[], members: readonly Node[]): Node {
  if (members.every((member) => member.constant)) {
    return constantNode(Object.fromEntries(keys.map((key, index) => [key, members[index]?.constant?.value])));
  }
  const runs = members.map((member) => member.run);
  const run: Read = (payload) => {
    const object: Bag = {};
    for (let index = 0; index < keys.length; index++) object[keys[index] as string] = (runs[index] as Read)(payload);
    return object;
  };
  return { run, clean: cleanMembers(keys, members) };
}

/** Where a member comes from: the name of a member of the common place, or else a reader. */
interface Slot {
  readonly key: string;
  readonly name: string | undefined;
  readonly read: Read;
}

function cleanMembers(keys: readonly string[], members: readonly Node[]): Read {
  const place = commonPlace(members);
  const slots = members.map(({ path, clean }, index): Slot => {
    const inPlace = path?.length === 2 && path[0] === place;
    return { key: keys[index] as string, name: inPlace ? path[1] : undefined, read: clean };
  });
  const readers = slots.map((slot) => ({ ...slot, name: undefined }));
  if (place === undefined) return inBlocks(readers, (payload) => payload);
  // Steps into something falsy give that falsy value, not a member of it: a matter for the readers.
  const slow = inBlocks(readers, (payload) => payload);
  const fast = inBlocks(slots, (payload) => (payload as Bag)[place]);
  return (payload) => (payload && (payload as Bag)[place] ? fast(payload) : slow(payload));
}

/** The first step that most members share which are paths of two steps. */
function commonPlace(members: readonly Node[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { path } of members) {
    if (path?.length === 2) counts.set(path[0] as string, (counts.get(path[0] as string) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** Puts some members into an object, in order. */
type Fill = (object: Bag, payload: unknown, source: Bag) => void;

const blockSize = 12;

function inBlocks(slots: readonly Slot[], sourceOf: Read): Read {
  const fills: Fill[] = [];
  for (let at = 0; at < slots.length; at += blockSize) fills.push(fillBlock(slots.slice(at, at + blockSize)));
  const [only, ...more] = fills as [Fill, ...Fill[]];
  return (payload) => {
    const object: Bag = {};
    const source = sourceOf(payload) as Bag;
    only(object, payload, source);
    for (const fill of more) fill(object, payload, source);
    return object;
  };
}

function sent(value: unknown): unknown {
  return typeof value === 'object' || typeof value === 'function' ? withoutUndefined(value) : value;
}

/** Up to 12 members, written out; see the top. */
function fillBlock(slots: readonly Slot[]): Fill {
  const count = slots.length;
  const [k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11] = slots.map((slot) => slot.key);
  const [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11] = slots.map((slot) => slot.name);
  const [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11] = slots.map((slot) => slot.read);
  return (object, payload, source) => {
    let value: unknown;
    value = n0 === undefined ? r0?.(payload) : sent(source[n0]);
    if (value !== undefined) object[k0 as string] = value;
    if (count === 1) return;
    value = n1 === undefined ? r1?.(payload) : sent(source[n1]);
    if (value !== undefined) object[k1 as string] = value;
    if (count === 2) return;
    value = n2 === undefined ? r2?.(payload) : sent(source[n2]);
    if (value !== undefined) object[k2 as string] = value;
    if (count === 3) return;
    value = n3 === undefined ? r3?.(payload) : sent(source[n3]);
    if (value !== undefined) object[k3 as string] = value;
    if (count === 4) return;
    value = n4 === undefined ? r4?.(payload) : sent(source[n4]);
    if (value !== undefined) object[k4 as string] = value;
    if (count === 5) return;
    value = n5 === undefined ? r5?.(payload) : sent(source[n5]);
    if (value !== undefined) object[k5 as string] = value;
    if (count === 6) return;
    value = n6 === undefined ? r6?.(payload) : sent(source[n6]);
    if (value !== undefined) object[k6 as string] = value;
    if (count === 7) return;
    value = n7 === undefined ? r7?.(payload) : sent(source[n7]);
    if (value !== undefined) object[k7 as string] = value;
    if (count === 8) return;
    value = n8 === undefined ? r8?.(payload) : sent(source[n8]);
    if (value !== undefined) object[k8 as string] = value;
    if (count === 9) return;
    value = n9 === undefined ? r9?.(payload) : sent(source[n9]);
    if (value !== undefined) object[k9 as string] = value;
    if (count === 10) return;
    value = n10 === undefined ? r10?.(payload) : sent(source[n10]);
    if (value !== undefined) object[k10 as string] = value;
    if (count === 11) return;
    value = n11 === undefined ? r11?.(payload) : sent(source[n11]);
    if (value !== undefined) object[k11 as string] = value;
  };
}
