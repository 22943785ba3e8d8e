/**
 * Which conditions the library (`fql.ts`) reads as they are written. It drops names it does not know, takes the end of a
 * function's arguments for the end of the parentheses around it, keeps single quotes as part of a text, and so on: a
 * filter would then keep out other messages than its author meant. In: FQL. Out: null, or the first fault: the end of a
 * sentence, without the stop.
 */

const seen = 'type, event, name, userId, properties.…, traits.… and context.…';
const plainNames: ReadonlySet<string> = new Set(['type', 'event', 'name', 'userId']);
const maps: ReadonlySet<string> = new Set(['properties', 'traits', 'context']);
const functions: ReadonlySet<string> = new Set(['contains', 'match']);

type TokenKind = 'text' | 'number' | 'word' | 'name' | 'tight' | 'sign' | 'other';
interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** `and`, `or` and `null` are words where the library's lexer takes them for such: before a space, `,`, `]`, `)` or the end. */
const word = String.raw`(?:and|or|null)(?=[\s,\])]|$)`;
/** Any character of a name may be escaped with a backslash. */
const step = String.raw`(?!${word})(?:\\[^]|[A-Za-z_])(?:\\[^]|[\w-])*`;
const tokenForm = new RegExp(
  [
    String.raw`\s+`,
    `(?<text>"[^"]*")`,
    String.raw`(?<number>[-+]?\d+(?:\.\d+)?)`,
    `(?<word>${word})`,
    String.raw`(?<name>${step}(?:\.${step})*)`,
    // The library misreads these without a space before or after them.
    String.raw`(?<tight>(?<=[\w\\-])[<>]=?|[<>!]=(?!\s))`,
    '(?<sign>!=|<=|>=|[=<>!(),])',
    '(?<other>[^])',
  ].join('|'),
  'g',
);

interface Reader {
  readonly tokens: readonly Token[];
  at: number;
}

export function fqlFault(fql: string): string | null {
  const reader: Reader = { tokens: tokensOf(fql), at: 0 };
  return levelFault(reader, false) ?? (reader.at < reader.tokens.length ? expected(reader, '`and`, `or`') : null);
}

function tokensOf(fql: string): readonly Token[] {
  return [...fql.matchAll(tokenForm)].flatMap(({ groups }) =>
    Object.entries(groups ?? {})
      .filter((entry): entry is [TokenKind, string] => entry[1] !== undefined)
      .map(([kind, text]) => ({ kind, text })),
  );
}

/** Conditions joined by one and the same word. */
function levelFault(reader: Reader, inside: boolean): string | null {
  let joined: string | undefined;
  for (;;) {
    const fault = termFault(reader, inside);
    if (fault !== null) return fault;
    const next = reader.tokens[reader.at];
    if (next?.kind !== 'word' || next.text === 'null') return null;
    if (joined !== undefined && joined !== next.text) {
      return 'has `and` and `or` side by side; say with parentheses which belong together';
    }
    joined = next.text;
    reader.at++;
  }
}

function termFault(reader: Reader, inside: boolean): string | null {
  if (accept(reader, '(')) {
    if (inside) return 'has parentheses within parentheses, which cannot be read';
    return levelFault(reader, true) ?? need(reader, ')');
  }
  const negated = accept(reader, '!');
  const name = reader.tokens[reader.at];
  if (name?.kind !== 'name') return expected(reader, negated ? 'contains or match' : seen);
  reader.at++;
  if (functions.has(name.text)) return functionFault(reader, name.text, inside);
  if (negated) return 'has `!` before something else than contains or match';
  return placeFault(name.text) ?? comparisonFault(reader, name.text);
}

/** What is compared is there to be seen. */
function placeFault(name: string): string | null {
  const steps = name.split(/(?<!\\)\./);
  const [first = ''] = steps;
  if (plainNames.has(first)) return steps.length === 1 ? null : `looks into \`${first}\`, which is a plain value`;
  if (!maps.has(first)) return `looks at \`${name}\`, which conditions cannot see; they see ${seen}`;
  if (steps.length === 1) return `compares \`${first}\` as a whole; name a value in it, e.g. \`${first}.plan\``;
  const named = steps.every((part) => /[^.[\]]/.test(part.replace(/\\(.)/gs, '$1')));
  if (!named) return `has a part without letters in the name \`${name}\``;
  // The library takes the escape away, and then the dot for a step.
  const isStep = /\\[.[\]]/.test(name.replaceAll('\\\\', ''));
  return isStep ? `has an escaped dot or bracket in \`${name}\`, and such a key cannot be named` : null;
}

function comparisonFault(reader: Reader, name: string): string | null {
  const sign = reader.tokens[reader.at];
  if (sign?.kind === 'tight') return `has no space on both sides of \`${sign.text}\``;
  if (sign?.kind !== 'sign' || !/[=<>]/.test(sign.text)) return expected(reader, `a comparison after \`${name}\``);
  reader.at++;
  const value = reader.tokens[reader.at];
  const kind = value === undefined ? null : valueKind(value);
  if (kind === null) return expected(reader, 'a text in double quotes, a number, true, false or null');
  reader.at++;
  const what = `\`${name} ${sign.text} ${value?.text}\``;
  if (/[<>]/.test(sign.text)) {
    if (plainNames.has(name)) return `asks ${what}, but ${name} is a text and has no order`;
    return kind === 'number' ? null : `asks ${what}, but only numbers have an order`;
  }
  if (plainNames.has(name)) {
    if (kind === 'text' || (kind === 'null' && (name === 'name' || name === 'userId'))) return null;
    return `asks ${what}, but ${name} can only be compared with a text in double quotes`;
  }
  if (kind !== 'truth' || sign.text === '=') return null;
  return `asks ${what}, which holds for true and false alike; use = instead`;
}

function valueKind({ kind, text }: Token): 'text' | 'number' | 'truth' | 'null' | null {
  if (kind === 'text' || kind === 'number') return kind;
  if (kind === 'word') return text === 'null' ? 'null' : null;
  return kind === 'name' && (text === 'true' || text === 'false') ? 'truth' : null;
}

/** After the name of a function: `(place, "text")`. */
function functionFault(reader: Reader, name: string, inside: boolean): string | null {
  if (inside) return `has \`${name}\` within parentheses, where it cannot be read; put it beside them`;
  const opened = need(reader, '(');
  if (opened !== null) return opened;
  const place = reader.tokens[reader.at];
  if (place?.kind !== 'name') return expected(reader, seen);
  reader.at++;
  const unseen = place.text === 'type' ? `asks \`${name}\` of type; compare it with = or !=` : placeFault(place.text);
  const comma = unseen ?? need(reader, ',');
  if (comma !== null) return comma;
  const value = reader.tokens[reader.at];
  if (value?.kind !== 'text') return expected(reader, 'a text in double quotes');
  reader.at++;
  if (name === 'match' && !/^"(?:\*[^*]*|[^*]*\*)"$/.test(value.text)) {
    return 'has a `match` whose text does not have one `*`, at its beginning or at its end';
  }
  return need(reader, ')');
}

function accept(reader: Reader, sign: string): boolean {
  const next = reader.tokens[reader.at];
  if (next?.kind !== 'sign' || next.text !== sign) return false;
  reader.at++;
  return true;
}

function need(reader: Reader, sign: string): string | null {
  return accept(reader, sign) ? null : expected(reader, `\`${sign}\``);
}

function expected(reader: Reader, what: string): string {
  const found = reader.tokens[reader.at];
  return found === undefined ? `ends where ${what} should follow` : `has \`${found.text}\` where ${what} should be`;
}
