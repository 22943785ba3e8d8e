/** Numbers in sentences, the same for every reader: `1,234,567`. */

const integers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return integers.format(value);
}

/** `1 row`, `25 rows`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
