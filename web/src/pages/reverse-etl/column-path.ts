/** How a mapping reads columns of the row. Pure. */

/** `$.properties.plan`, `$.properties['first name']`. */
export const columnPath = (column: string): string =>
  /^[A-Za-z0-9_]+$/.test(column) ? `$.properties.${column}` : `$.properties['${column}']`;

/** A path cannot name a column with a dot or a quote in it; the model's query can give it another name. */
export const isReachable = (column: string): boolean => !/[.'"]/.test(column);
