/** The switches of a mapping and of what it needs: a sync runs when all of them are on. */
import type { ResolvedMapping } from './workspace.ts';

/** Why the mapping cannot run, as a sentence that names every switch that is off; null when all are on. */
export function whyNotRunning({ mapping, model, source, destination }: ResolvedMapping): string | null {
  const parts = [
    ['mapping', mapping],
    ['model', model],
    ['source', source],
    ['destination', destination],
  ] as const;
  const off = parts.filter(([, { enabled }]) => !enabled).map(([kind, { name }]) => `the ${kind} ${name}`);
  const last = off.pop();
  if (last === undefined) return null;
  const which = off.length === 0 ? `${last} is` : `${off.join(', ')} and ${last} are`;
  return `T${which.slice(1)} disabled, so ${mapping.name} cannot run.`;
}
