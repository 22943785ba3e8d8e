/**
 * The query of a URL, in every way clients write it: `pagination[count]=10`, `pagination.count=10`, brackets escaped or
 * not, an object as JSON text, a list as `a[0]=`, `a.0=`, `a[]=`, `a=1&a=2` or `a=1,2`. Values are texts.
 */
import { isJsonObject, type Json } from '../../base/json.ts';

interface Node {
  readonly values: string[];
  readonly members: Map<string, Node>;
}

export interface Query {
  /** The last value at a dotted path; undefined when there is none. */
  text(path: string): string | undefined;
  /** All values at a path; undefined when it is not given at all. */
  list(path: string): readonly string[] | undefined;
}

/** Deeper than any parameter. */
const maxDepth = 4;

const newNode = (): Node => ({ values: [], members: new Map() });

function nodeAt(root: Node, path: readonly string[]): Node {
  let node = root;
  for (const name of path) {
    const next = node.members.get(name) ?? newNode();
    node.members.set(name, next);
    node = next;
  }
  return node;
}

/** Decodes as forms do: a plus is a space. A broken escape stands for itself. */
function decoded(raw: string): string {
  const text = raw.replaceAll('+', ' ');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function addJson(node: Node, value: Json | undefined, depth: number): void {
  if (depth > maxDepth || value === null || value === undefined) return;
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) addJson(nodeAt(node, [String(at)]), item, depth + 1);
  } else if (isJsonObject(value)) {
    for (const [name, member] of Object.entries(value)) addJson(nodeAt(node, [name]), member, depth + 1);
  } else node.values.push(String(value));
}

function add(node: Node, value: string, depth: number): void {
  if (/^[{[]/.test(value)) {
    try {
      addJson(node, JSON.parse(value) as Json, depth);
      return;
    } catch {
      // A text that only begins like JSON.
    }
  }
  node.values.push(value);
}

export function readQuery(url: string): Query {
  const root = newNode();
  const start = url.indexOf('?');
  const pairs = start < 0 ? [] : (url.slice(start + 1).split('#', 1)[0] as string).split('&');
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decoded(pair.slice(equals + 1));
    const path = name.replaceAll(']', '').split(/[[.]/);
    if (name === '' || path.length > maxDepth) continue;
    add(nodeAt(root, path.at(-1) === '' ? path.slice(0, -1) : path), value, path.length);
  }
  const find = (path: string): Node | undefined => {
    let node: Node | undefined = root;
    for (const name of path.split('.')) node = node?.members.get(name);
    return node;
  };
  return {
    text: (path) => find(path)?.values.at(-1),
    list(path) {
      const node = find(path);
      if (node === undefined) return undefined;
      const values = [...node.values, ...[...node.members.values()].flatMap((member) => member.values)];
      return values.flatMap((value) => value.split(',')).filter((value) => value !== '');
    },
  };
}
