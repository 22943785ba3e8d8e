/**
 * The settings of a space over an API. In: an object in camel case. Out: settings, or every fault with the path of its
 * input. Promised: what may be said, and what is refused, is what a workspace file may say and is refused; what is left out stays as
 * it is stored; what is read can be sent back.
 */
import { z } from 'zod';
import { type IdentifierRule, orderedIdentifiers, recommendedBlocked, type SpaceSettings } from '../space/space.ts';
import type { FilePath, PathFaults } from './file-faults.ts';
import { filterShape, identifierShape } from './file-shape.ts';
import { readSettings } from './file-spaces.ts';

/** Each member takes the place of what is stored, as a whole. */
export const spaceInput = z.object({
  /** The explicitly ordered types; the default types that are not among them follow as they are made. */
  identifiers: z.array(identifierShape).max(200).optional(),
  autoRegister: z.boolean().optional(),
  filters: z.array(filterShape.extend({ name: z.string() })).optional(),
  subscriptionGroups: z.array(z.string()).optional(),
  identifierDeletion: z.boolean().optional(),
});
export type SpaceInput = z.output<typeof spaceInput>;

type Report = (field: string, message: string) => void;

export function settingsOfInput(input: SpaceInput, stored: SpaceSettings, report: Report): SpaceSettings {
  const filters = input.filters ?? [];
  for (const [at, { name }] of filters.entries()) {
    const isTaken = filters.findIndex((other) => other.name === name) < at;
    if (isTaken) report(`filters.${at}.name`, 'Another filter of the space has this name.');
  }
  const read = readSettings(
    {
      identifiers: input.identifiers ?? [],
      auto_register: input.autoRegister ?? stored.autoRegister,
      filters,
      subscription_groups: input.subscriptionGroups ?? [],
      identifier_deletion: input.identifierDeletion ?? stored.identifierDeletion ?? false,
    },
    [],
    (_, at) => at,
    pathFaults(report),
  );
  const identity = input.identifiers === undefined ? stored : read;
  const kept = {
    filters: input.filters === undefined ? stored.filters : read.filters,
    subscriptionGroups: input.subscriptionGroups === undefined ? stored.subscriptionGroups : read.subscriptionGroups,
  };
  return {
    identifiers: identity.identifiers,
    ...(identity.ordered !== undefined && { ordered: identity.ordered }),
    autoRegister: read.autoRegister,
    ...(kept.filters !== undefined && { filters: kept.filters }),
    ...(kept.subscriptionGroups !== undefined && { subscriptionGroups: kept.subscriptionGroups }),
    ...(read.identifierDeletion === true && { identifierDeletion: true }),
  };
}

function pathFaults(report: Report): PathFaults {
  const say = ([first, ...rest]: FilePath, message: string) => {
    const field = [first === 'subscription_groups' ? 'subscriptionGroups' : first, ...rest].join('.');
    report(field, message.charAt(0).toUpperCase() + message.slice(1));
  };
  return { add: say, addKey: (path, message) => say([...path, 'name'], message) };
}

/** As it may be sent back. `otherIdentifiers` are the types that follow those whose order somebody gave. */
export function shownSettings(settings: SpaceSettings) {
  const { identifiers, autoRegister, filters = [], subscriptionGroups = [], identifierDeletion = false } = settings;
  const ordered = orderedIdentifiers(settings);
  return {
    identifiers: identifiers.slice(0, ordered).map(shownRule),
    otherIdentifiers: identifiers.slice(ordered).map(shownRule),
    ...{ autoRegister, filters, subscriptionGroups, identifierDeletion },
  };
}

function shownRule({ type, collection, limit, window, blocked, custom }: IdentifierRule) {
  return { type, collection, limit, per: window, blocked: shownBlocked(blocked), custom };
}

function shownBlocked({ values, patterns }: IdentifierRule['blocked']) {
  const without = (all: readonly string[], some: readonly string[]) => all.filter((one) => !some.includes(one));
  const recommended =
    without(recommendedBlocked.values, values).length === 0 &&
    without(recommendedBlocked.patterns, patterns).length === 0;
  return {
    values: recommended ? without(values, recommendedBlocked.values) : values,
    patterns: recommended ? without(patterns, recommendedBlocked.patterns) : patterns,
    recommended,
  };
}
