/**
 * Objects with constant keys, which most of a mapping is: the fields themselves, and traits. Their code is the hot spot
 * of a sync, hence its form. A property access in a loop sees a new name in each round; written out, each access of a
 * mapping sees one name, which V8 serves several times faster.
 */
import { withoutUndefined } from './clean.ts';
import { constantNode, type Node, type Read } from './node.ts';

type Bag = Record<string, unknown>;

/** Puts some members into an object, in order. */
type Fill = (object: Bag, payload: unknown) => void;

const blockSize = 8;

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
  return { run, clean: samePlace(keys, members) ?? cleanMembers(keys, members) };
}

function cleanMembers(keys: readonly string[], members: readonly Node[]): Read {
  const cleans = members.map((member) => member.clean);
  return made(blocks(keys, cleans, fillFromReads));
}

/** For an object whose members are all paths of one place (`$.properties.a`, `$.properties.b`): one step less for each. */
function samePlace(keys: readonly string[], members: readonly Node[]): Read | undefined {
  const place = members[0]?.path?.[0];
  if (place === undefined) return undefined;
  const names = members.flatMap((member) => {
    const [first, name, ...more] = member.path ?? [];
    return first === place && name !== undefined && more.length === 0 ? [name] : [];
  });
  if (names.length !== members.length) return undefined;
  const make = made(blocks(keys, names, fillFromNames));
  return (payload) => {
    const source = payload && (payload as Bag)[place];
    // Steps into something falsy give that falsy value.
    return source ? make(source) : filledWith(keys, source);
  };
}

function filledWith(keys: readonly string[], value: unknown): Bag {
  return value === undefined ? {} : Object.fromEntries(keys.map((key) => [key, value]));
}

function made(fills: readonly Fill[]): Read {
  const [first, ...more] = fills;
  if (first === undefined) return () => ({});
  if (more.length === 0) {
    return (payload) => {
      const object: Bag = {};
      first(object, payload);
      return object;
    };
  }
  return (payload) => {
    const object: Bag = {};
    for (const fill of fills) fill(object, payload);
    return object;
  };
}

function blocks<From>(
  keys: readonly string[],
  from: readonly From[],
  fill: (keys: readonly string[], from: readonly From[]) => Fill,
): Fill[] {
  const fills: Fill[] = [];
  for (let at = 0; at < keys.length; at += blockSize) {
    fills.push(fill(keys.slice(at, at + blockSize), from.slice(at, at + blockSize)));
  }
  return fills;
}

/** Up to eight members, each from a reader. */
function fillFromReads(keys: readonly string[], reads: readonly Read[]): Fill {
  const [k0, k1, k2, k3, k4, k5, k6, k7] = keys as string[];
  const [r0, r1, r2, r3, r4, r5, r6, r7] = reads;
  return (object, payload) => {
    if (!r0) return;
    let value = r0(payload);
    if (value !== undefined) object[k0 as string] = value;
    if (!r1) return;
    value = r1(payload);
    if (value !== undefined) object[k1 as string] = value;
    if (!r2) return;
    value = r2(payload);
    if (value !== undefined) object[k2 as string] = value;
    if (!r3) return;
    value = r3(payload);
    if (value !== undefined) object[k3 as string] = value;
    if (!r4) return;
    value = r4(payload);
    if (value !== undefined) object[k4 as string] = value;
    if (!r5) return;
    value = r5(payload);
    if (value !== undefined) object[k5 as string] = value;
    if (!r6) return;
    value = r6(payload);
    if (value !== undefined) object[k6 as string] = value;
    if (!r7) return;
    value = r7(payload);
    if (value !== undefined) object[k7 as string] = value;
  };
}

function sent(value: unknown): unknown {
  return typeof value === 'object' || typeof value === 'function' ? withoutUndefined(value) : value;
}

/** Up to eight members, each a member of the payload. */
function fillFromNames(keys: readonly string[], names: readonly string[]): Fill {
  const [k0, k1, k2, k3, k4, k5, k6, k7] = keys as string[];
  const [n0, n1, n2, n3, n4, n5, n6, n7] = names;
  return (object, payload) => {
    const source = payload as Bag;
    if (n0 === undefined) return;
    let value = sent(source[n0]);
    if (value !== undefined) object[k0 as string] = value;
    if (n1 === undefined) return;
    value = sent(source[n1]);
    if (value !== undefined) object[k1 as string] = value;
    if (n2 === undefined) return;
    value = sent(source[n2]);
    if (value !== undefined) object[k2 as string] = value;
    if (n3 === undefined) return;
    value = sent(source[n3]);
    if (value !== undefined) object[k3 as string] = value;
    if (n4 === undefined) return;
    value = sent(source[n4]);
    if (value !== undefined) object[k4 as string] = value;
    if (n5 === undefined) return;
    value = sent(source[n5]);
    if (value !== undefined) object[k5 as string] = value;
    if (n6 === undefined) return;
    value = sent(source[n6]);
    if (value !== undefined) object[k6 as string] = value;
    if (n7 === undefined) return;
    value = sent(source[n7]);
    if (value !== undefined) object[k7 as string] = value;
  };
}
