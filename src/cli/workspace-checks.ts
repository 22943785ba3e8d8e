/** What the other rooms know about parts of a workspace file, for the room that reads it. */
import type { Config } from '../base/config.ts';
import { actions, checkFields, checkSettings, fillDefaults, segmentProfiles } from '../destination/destination.ts';
import { checkMapping, compileTrigger } from '../mapping/mapping.ts';
import { checkModelSql, checkSourceSettings } from '../warehouse/warehouse.ts';
import { type MappingChecks, usualScheduleLimits } from '../workspace/workspace.ts';

export const workspaceChecks: MappingChecks = {
  actions,
  fillDefaults,
  checkFields,
  checkDestinationSettings: checkSettings,
  checkMapping,
  compileTrigger,
  checkSourceSettings,
  checkModelSql,
  scheduleLimits: usualScheduleLimits,
  mostMappings: segmentProfiles.maxMappings,
};

/** With the limits that are configured. */
export function configuredChecks({ shortestInterval }: Pick<Config, 'shortestInterval'>): MappingChecks {
  return { ...workspaceChecks, scheduleLimits: { shortestSeconds: shortestInterval / 1000 } };
}
