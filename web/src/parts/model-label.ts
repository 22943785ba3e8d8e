/** What a list calls a model: names alone may be the same, as programs that use the Public API may make them. */
import type { Model } from '../api/types.ts';

/** Its name, and its id too when another of the list with the same source has that name. */
export function modelLabel(model: Model, models: readonly Model[]): string {
  const { id, name, sourceId } = model;
  const isAlike = models.some((other) => other.id !== id && other.name === name && other.sourceId === sourceId);
  return isAlike ? `${name} (${id})` : name;
}
