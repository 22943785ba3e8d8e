/**
 * Reads a query. In: its text. Out: the tree of what is written, or the first fault with its place. Names have no meaning
 * yet (`check.ts`). Promised: no text makes it fail otherwise, however long or deep.
 */
import { EmbeddedActionsParser, EOF, type IToken, Lexer } from 'chevrotain';
import type { QueryFault } from './query.ts';
import * as t from './tokens.ts';
import type { Argument, Literal, Node, Operator, Place } from './tree.ts';
import { calendarMs } from './values.ts';

export type Parsed =
  | { readonly kind: 'parsed'; readonly tree: Node }
  | { readonly kind: 'faulty'; readonly faults: readonly QueryFault[] };

const longest = 20_000;
const deepest = 100;

export function parseQuery(text: string): Parsed {
  if (text.length > longest) return faulty({ line: 1, column: 1 }, `A query has at most ${longest} characters.`);
  if (text.trim() === '') return faulty({ line: 1, column: 1 }, 'The query is empty.');
  lexer ??= new Lexer(t.allTokens);
  const { tokens, errors } = lexer.tokenize(text);
  const [strange] = errors;
  if (strange !== undefined) {
    const place = { line: strange.line ?? 1, column: strange.column ?? 1 };
    const sign = text.slice(strange.offset, strange.offset + 1);
    const isQuote = sign === "'" || sign === '"';
    return faulty(
      place,
      isQuote ? 'This text has no end: a quotation mark is missing.' : `${sign} has no meaning here.`,
    );
  }
  const tooDeep = tokens.find(depthCounter());
  if (tooDeep !== undefined) return faulty(placeOf(tooDeep), `This is nested more than ${deepest} deep.`);
  parser ??= new QueryParser();
  parser.input = tokens;
  try {
    const tree = parser.query();
    const [error] = parser.errors;
    if (error === undefined) return { kind: 'parsed', tree };
    return faulty(placeOfError(error.token, tokens), error.message);
  } catch (error) {
    if (error instanceof FaultAt) return faulty(error.place, error.message);
    throw error;
  }
}

/** Made when it is first asked for: it analyses its own rules then. */
let parser: QueryParser | undefined;
let lexer: Lexer | undefined;

function faulty(place: Place, message: string): Parsed {
  return { kind: 'faulty', faults: [{ ...place, message }] };
}

/** Tells of the token that goes too deep: by brackets, or by words such as NOT. */
function depthCounter(): (token: IToken) => boolean {
  let depth = 0;
  let words = 0;
  return ({ tokenType }) => {
    if (tokenType === t.Open || tokenType === t.OpenGroup) depth += 1;
    if (tokenType === t.Close || tokenType === t.CloseGroup) depth -= 1;
    words = tokenType === t.Quantifier ? words + 1 : 0;
    return depth + words > deepest;
  };
}

function placeOf(token: IToken): Place {
  return { line: token.startLine ?? 1, column: token.startColumn ?? 1 };
}

/** At the end of the text there is no token: it is behind the last one. */
function placeOfError(token: IToken, tokens: readonly IToken[]): Place {
  const last = tokens.at(-1);
  if (token.tokenType !== EOF || last === undefined) return placeOf(token);
  return { line: last.endLine ?? 1, column: (last.endColumn ?? 0) + 1 };
}

const found = ({ tokenType, image }: IToken) => (tokenType === EOF ? 'the query ends' : `there is ${image}`);

class QueryParser extends EmbeddedActionsParser {
  constructor() {
    super(t.allTokens, {
      maxLookahead: 2,
      errorMessageProvider: {
        buildMismatchTokenMessage: ({ expected, actual }) => `Here ${expected.name} is expected, but ${found(actual)}.`,
        buildNotAllInputParsedMessage: ({ firstRedundant }) =>
          `Here the query should end, or go on with AND or OR, but ${found(firstRedundant)}.`,
        buildNoViableAltMessage: ({ actual }) =>
          `Here a value or a function such as trait('plan') is expected, but ${found(actual[0] as IToken)}.`,
        buildEarlyExitMessage: ({ actual }) => `Here something is missing: ${found(actual[0] as IToken)}.`,
      },
    });
    this.performSelfAnalysis();
  }

  readonly query = this.RULE('query', (): Node => this.SUBRULE(this.any));

  private readonly any = this.RULE('any', (): Node => {
    const first = this.SUBRULE(this.all);
    const parts = [first];
    this.MANY(() => {
      this.CONSUME(t.Or);
      parts.push(this.SUBRULE2(this.all));
    });
    return this.ACTION(() => (parts.length === 1 ? first : { ...here(first), kind: 'OR', parts }));
  });

  private readonly all = this.RULE('all', (): Node => {
    const first = this.SUBRULE(this.one);
    const parts = [first];
    this.MANY(() => {
      this.CONSUME(t.And);
      parts.push(this.SUBRULE2(this.one));
    });
    return this.ACTION(() => (parts.length === 1 ? first : { ...here(first), kind: 'AND', parts }));
  });

  private readonly one = this.RULE(
    'one',
    (): Node =>
      this.OR([
        {
          ALT: () => {
            const word = this.CONSUME(t.Quantifier);
            const of = this.SUBRULE(this.one);
            return this.ACTION(() => ({
              ...placeOf(word),
              kind: word.image.toUpperCase() as 'NOT' | 'ANY' | 'ALL',
              of,
            }));
          },
        },
        { ALT: () => this.SUBRULE(this.comparison) },
      ]),
  );

  private readonly comparison = this.RULE('comparison', (): Node => {
    let left = this.SUBRULE(this.chain);
    this.OPTION(() => {
      const sign = this.CONSUME(t.Sign);
      const right = this.SUBRULE2(this.chain);
      left = this.ACTION(() => ({
        ...placeOf(sign),
        kind: 'compare',
        operator: (sign.image === '==' ? '=' : sign.image) as Operator,
        left,
        right,
      }));
    });
    return left;
  });

  private readonly chain = this.RULE('chain', (): Node => {
    let node = this.SUBRULE(this.start);
    this.MANY(() => {
      this.CONSUME(t.Dot);
      const name = this.CONSUME(t.Word);
      const args = this.SUBRULE(this.args);
      node = this.ACTION(() => ({ ...placeOf(name), kind: 'call', on: node, name: name.image, args }));
    });
    return node;
  });

  private readonly start = this.RULE(
    'start',
    (): Node =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Open);
            const inside = this.SUBRULE(this.any);
            this.CONSUME(t.Close);
            return inside;
          },
        },
        {
          ALT: () => {
            const name = this.CONSUME(t.Word);
            const args = this.SUBRULE(this.args);
            return this.ACTION(() => ({ ...placeOf(name), kind: 'call' as const, on: null, name: name.image, args }));
          },
        },
        { ALT: () => this.SUBRULE(this.literal) },
      ]),
  );

  private readonly literal = this.RULE(
    'literal',
    (): Node =>
      this.OR<Node>([
        {
          ALT: () => {
            const token = this.CONSUME(t.Text);
            return this.ACTION(() => ({ ...placeOf(token), kind: 'text', value: unquoted(token.image) }));
          },
        },
        {
          ALT: () => {
            const token = this.CONSUME(t.Time);
            return this.ACTION(() => timeOf(token));
          },
        },
        {
          ALT: () => {
            const token = this.CONSUME(t.Truth);
            return this.ACTION(() => ({
              ...placeOf(token),
              kind: 'boolean',
              value: token.image.toLowerCase() === 'true',
            }));
          },
        },
        {
          ALT: () => {
            const token = this.CONSUME(t.Numeral);
            let node: Literal = this.ACTION(() => ({ ...placeOf(token), kind: 'number', value: Number(token.image) }));
            this.OPTION({
              // What is followed by a bracket is a function.
              GATE: () => this.LA(2).tokenType !== t.Open,
              DEF: () => {
                const unit = this.CONSUME(t.Word);
                node = this.ACTION(() => durationOf(token, unit));
              },
            });
            return node;
          },
        },
      ]),
  );

  private readonly args = this.RULE('args', (): Argument[] => {
    const all: Argument[] = [];
    this.CONSUME(t.Open);
    this.OPTION(() => {
      const given = this.SUBRULE(this.list);
      this.ACTION(() => all.push(...given));
    });
    this.CONSUME(t.Close);
    return all;
  });

  private readonly list = this.RULE('list', (): Argument[] => {
    const all: Argument[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const given = this.SUBRULE(this.argument);
        this.ACTION(() => all.push(...given));
      },
    });
    return all;
  });

  /** More than one when they stand in brackets. */
  private readonly argument = this.RULE('argument', (): Argument[] => {
    let name: string | undefined;
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        name = this.CONSUME(t.Word).image;
        this.CONSUME(t.Colon);
      },
    });
    const all = this.OR<Argument[]>([
      {
        ALT: () => {
          this.CONSUME(t.OpenGroup);
          const inside = this.SUBRULE(this.list);
          this.CONSUME(t.CloseGroup);
          return inside;
        },
      },
      { ALT: () => [{ value: this.SUBRULE(this.any) }] },
    ]);
    let as: string | undefined;
    this.OPTION2(() => {
      this.CONSUME(t.As);
      as = this.CONSUME2(t.Word).image;
    });
    return this.ACTION(() =>
      all.map((one) => ({ ...one, ...(name !== undefined && { name }), ...(as !== undefined && { as }) })),
    );
  });
}

function here({ line, column }: Place): Place {
  return { line, column };
}

/** `\'` stands for the mark, `\\` for one backslash; before anything else a backslash stands for itself. */
function unquoted(image: string): string {
  return image.slice(1, -1).replace(/\\(['"\\])/g, '$1');
}

class FaultAt extends Error {
  readonly place: Place;
  constructor(place: Place, message: string) {
    super(message);
    this.place = place;
  }
}

function timeOf(token: IToken): Literal {
  const { image } = token;
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/.test(image.slice(10));
  const ms = calendarMs(image.length === 10 || hasZone ? image : `${image}Z`);
  if (Number.isNaN(ms)) throw new FaultAt(placeOf(token), `${image} is not a day of the calendar.`);
  return { ...placeOf(token), kind: 'time', value: image, ms };
}

const secondsOf = { day: 86_400, hour: 3_600, second: 1 } as const;
/** Moments beyond that could not be stored. */
const longestSeconds = 36_500 * secondsOf.day;

function durationOf(amount: IToken, unit: IToken): Literal {
  const word = unit.image.toLowerCase().replace(/s$/, '');
  if (word !== 'day' && word !== 'hour' && word !== 'second') {
    throw new FaultAt(placeOf(unit), `${unit.image} is no unit of time; there are days, hours and seconds.`);
  }
  const value = Number(amount.image);
  if (!Number.isSafeInteger(value) || value < 0 || value * secondsOf[word] > longestSeconds) {
    throw new FaultAt(placeOf(amount), `A duration is a whole number of ${word}s, a hundred years at most.`);
  }
  return { ...placeOf(amount), kind: 'duration', amount: value, unit: word };
}
