/** Errors of an evaluation, as they may be logged. Pure. */

/** What the engine says of an error may quote what was worked on: only the place of it is kept. */
export function withoutContents(error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError)) return error;
  const place = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line)) ?? [];
  const bare = new Error('the evaluation failed');
  bare.name = error.name;
  bare.stack = [`${error.name}: ${bare.message}`, ...place].join('\n');
  return bare;
}
