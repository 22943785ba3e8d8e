/** The order of texts by code point, as Postgres' collation "C" has it. */
export function compareText(a: string, b: string): number {
  return a === b ? 0 : codePointLess(a, b) ? -1 : 1;
}

/** Order by code point; UTF-16 order differs from it only where surrogates meet the characters above them. */
function codePointLess(a: string, b: string): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    return xHigh === yHigh ? x < y : yHigh;
  }
  return a.length < b.length;
}
