/** The words and signs of a query. */
import { createToken, Lexer } from 'chevrotain';

export const Word = createToken({ name: 'a name', pattern: /[A-Za-z_]\w*/ });
const keyword = (name: string) => createToken({ name, pattern: new RegExp(name, 'i'), longer_alt: Word });

export const And = keyword('AND');
export const Or = keyword('OR');
/** NOT, ANY and ALL. */
export const Quantifier = createToken({ name: 'NOT', pattern: /NOT|ANY|ALL/i, longer_alt: Word });
export const As = keyword('as');
export const Truth = createToken({ name: 'true or false', pattern: /true|false/i, longer_alt: Word });
export const Time = createToken({
  name: 'a time',
  pattern: /\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/,
});
export const Numeral = createToken({ name: 'a number', pattern: /-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/ });
export const Text = createToken({
  name: 'a text',
  pattern: /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/,
  line_breaks: true,
});
export const Sign = createToken({ name: 'a comparison', pattern: /==|!=|>=|<=|=|>|</ });
export const Open = createToken({ name: '(', pattern: /\(/ });
export const Close = createToken({ name: ')', pattern: /\)/ });
/** `{ … }` and `[ … ]` around arguments mean nothing. */
export const OpenGroup = createToken({ name: '{ or [', pattern: /[{[]/ });
export const CloseGroup = createToken({ name: '} or ]', pattern: /[}\]]/ });
export const Comma = createToken({ name: ',', pattern: /,/ });
export const Colon = createToken({ name: ':', pattern: /:/ });
export const Dot = createToken({ name: '.', pattern: /\./ });
const Space = createToken({ name: 'space', pattern: /\s+/, group: Lexer.SKIPPED, line_breaks: true });

// Numbers come before the dot of a chain: `.5` is one, `.count` is not.
export const allTokens = [
  ...[Space, Time, Numeral, Text, And, Or, Quantifier, As, Truth, Word],
  ...[Sign, Open, Close, OpenGroup, CloseGroup, Comma, Colon, Dot],
];
