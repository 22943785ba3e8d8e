/**
 * A YAML file as JSON, with the position of everything in it. In: text, and what to do with each scalar (variables are
 * filled in there). Out: the value, and faults with line and column. Promised: only what JSON and Postgres can hold comes
 * out, numbers unrounded; messages never quote values of the file.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { Json } from '../base/json.ts';
import { storableText } from '../base/text.ts';
import type { FaultList, FilePath } from './file-faults.ts';

/** Fills in and checks a scalar; `plain` when it was written without quotes. Adds its own faults. */
export type FillIn = (value: string | number | boolean | null, path: FilePath, plain: boolean) => Json;

const deepest = 100;
const mostNodes = 200_000;

/** Null when the text is no YAML at all; then nothing else can be said about it. */
export function readYaml(text: string, faults: FaultList, fillIn: FillIn): Json | null {
  const lines = new LineCounter();
  const shielded = shieldVariables(text);
  const document = parseDocument(shielded, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    intAsBigInt: true,
    stringKeys: false,
  });
  faults.locateWith((offset) => lines.linePos(offset));
  // What follows the first error is a consequence of it more often than not.
  for (const problem of document.errors.length > 0 ? document.errors.slice(0, 1) : document.warnings) {
    faults.addAt(problem.pos[0], `This is not valid YAML: ${sentence(problem.message)}`);
  }
  if (document.errors.length > 0) return null;
  const walk: Walk = { faults, fillIn, anchors: new Map(), nodes: 0, full: false };
  return document.contents === null ? null : walkNode(walk, document.contents as Node, []);
}

interface Walk {
  readonly faults: FaultList;
  readonly fillIn: FillIn;
  readonly anchors: Map<string, Node>;
  nodes: number;
  full: boolean;
}

/** Braces end a plain text inside of `{ … }`, but `${NAME}` should work there too; these code points are no characters. */
const shieldOpen = '\ufdd0';
const shieldClose = '\ufdd1';

function shieldVariables(text: string): string {
  if (text.includes(shieldOpen) || text.includes(shieldClose)) return text;
  return text.replace(/\$\{([^{}\s]*)\}/g, `$$${shieldOpen}$1${shieldClose}`);
}

function unshield(text: string): string {
  return text.replaceAll(shieldOpen, '{').replaceAll(shieldClose, '}');
}

/** The library ends some messages with a piece of the file. */
function sentence(message: string): string {
  return message.replace(/:? ".*"?$/s, '').replace(/[.\s]*$/, '.');
}

function walkNode(walk: Walk, node: Node | null, path: FilePath): Json {
  if (node === null) return null;
  walk.faults.place(path, node.range?.[0]);
  if (++walk.nodes > mostNodes || path.length > deepest) {
    if (!walk.full) walk.faults.add(path, 'The file is too large or too deeply nested from here on.');
    walk.full = true;
    walk.faults.standIn(path);
    return null;
  }
  if (isAlias(node)) {
    const target = walk.anchors.get(node.source);
    if (target !== undefined) return walkNode(walk, target, path);
    return unusable(walk, path, 'This alias stands for nothing that was defined before it.');
  }
  const value = isMap(node) ? walkMap(walk, node, path) : walkOther(walk, node, path);
  // Only now: an alias inside of what it stands for would go on for ever.
  if (node.anchor !== undefined) walk.anchors.set(node.anchor, node);
  return value;
}

function walkOther(walk: Walk, node: Node, path: FilePath): Json {
  if (isSeq(node)) return node.items.map((item, index) => walkNode(walk, item as Node | null, [...path, index]));
  if (isScalar(node)) return walkScalar(walk, node, path);
  return unusable(walk, path, 'This kind of YAML node cannot be used here.');
}

/** A fault; null stands in for the value. */
function unusable(walk: Walk, path: FilePath, message: string): null {
  walk.faults.add(path, message);
  walk.faults.standIn(path);
  return null;
}

function walkMap(walk: Walk, map: YAMLMap, path: FilePath): Json {
  const entries = new Map<string, Json>();
  for (const pair of map.items as Pair<Node, Node | null>[]) {
    const key = keyOf(pair.key);
    const offset = pair.key.range?.[0];
    if (key === null || key === '__proto__' || !storableText(key)) {
      walk.faults.addAt(offset ?? 0, 'This cannot be used as a key: keys are plain text.');
      continue;
    }
    if (entries.has(key)) {
      const first = walk.faults.keyPosition([...path, key]);
      walk.faults.addAt(
        offset ?? 0,
        `The key "${key}" was already used on line ${first.line}; each key may appear once.`,
      );
      continue;
    }
    walk.faults.placeKey([...path, key], offset);
    entries.set(key, walkNode(walk, pair.value, [...path, key]));
  }
  return Object.fromEntries(entries);
}

/** Keys such as `404` or `true` mean their text. */
function keyOf(key: unknown): string | null {
  if (!isScalar(key)) return null;
  return typeof key.value === 'string' ? unshield(key.value) : (key.source ?? null);
}

function walkScalar(walk: Walk, node: Scalar, path: FilePath): Json {
  const { value } = node;
  switch (typeof value) {
    case 'bigint':
      if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) {
        return walk.fillIn(Number(value), path, true);
      }
      return unusable(walk, path, 'This number is too large to be kept exactly; write it in quotes.');
    case 'number':
      if (Number.isFinite(value)) return walk.fillIn(value, path, true);
      return unusable(walk, path, 'Infinite numbers and NaN cannot be used.');
    case 'string':
      if (storableText(value)) return walk.fillIn(unshield(value), path, node.type === 'PLAIN');
      return unusable(
        walk,
        path,
        'This text holds a NUL character or half of a surrogate pair, which cannot be stored.',
      );
    case 'boolean':
      return walk.fillIn(value, path, true);
    default:
      if (value === null || value === undefined) return walk.fillIn(null, path, true);
      return unusable(walk, path, 'This kind of value cannot be used; write it as text in quotes.');
  }
}
