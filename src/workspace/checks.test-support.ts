/** The checks of the other rooms, as a caller of `parseWorkspaceFile` passes them. */
import type { Fault } from '../base/errors.ts';
import { actions, checkFields, checkSettings, fillDefaults, segmentProfiles } from '../destination/destination.ts';
import { checkMapping, compileTrigger } from '../mapping/mapping.ts';
import { usualScheduleLimits } from './schedules.ts';
import type { MappingChecks } from './workspace.ts';

export const checks: MappingChecks = {
  actions,
  fillDefaults,
  checkFields,
  checkDestinationSettings: checkSettings,
  checkMapping,
  compileTrigger,
  checkModelSql: (engine, query) =>
    query.trim() === '' || query.includes(';') ? `${engine} takes one statement.` : null,
  scheduleLimits: usualScheduleLimits,
  mostMappings: segmentProfiles.maxMappings,
  // One rule is enough to see where the faults of another room end up.
  checkSourceSettings: (_engine, settings) =>
    Object.entries(settings)
      .filter(([key, value]) => key === 'port' && typeof value !== 'number')
      .map(([where]): Fault => ({ where, message: 'this must be a number.' })),
};
