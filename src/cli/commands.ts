/** Every command, in the order in which help lists them. */
import { alertListCommand, alertLogCommand, alertTestCommand } from './alert.ts';
import { applyCommand } from './apply.ts';
import { auditCommand } from './audit.ts';
import type { Command } from './command.ts';
import { demoCommand } from './demo/demo.ts';
import { destinationSpacesCommand, destinationTestCommand } from './destination.ts';
import { doctorCommand } from './doctor.ts';
import {
  eventStreamCreateCommand,
  eventStreamDisableCommand,
  eventStreamEnableCommand,
  eventStreamListCommand,
  eventStreamRemoveCommand,
  eventStreamShowCommand,
} from './event-stream.ts';
import { eventStreamLogCommand } from './event-stream-log.ts';
import { mappingResetCommand, mappingTestCommand } from './mapping.ts';
import { mappingSuggestCommand } from './mapping-suggest.ts';
import { modelPreviewCommand } from './model.ts';
import {
  oauthAppAddKeyCommand,
  oauthAppCreateCommand,
  oauthAppListCommand,
  oauthAppRemoveCommand,
  oauthAppRemoveKeyCommand,
  oauthAppShowCommand,
} from './oauth-app.ts';
import {
  personInviteCommand,
  personListCommand,
  personRemoveCommand,
  personResetPasswordCommand,
  personRolesCommand,
} from './person.ts';
import { profileShowCommand } from './profile.ts';
import {
  regulationCreateCommand,
  regulationListCommand,
  regulationShowCommand,
  suppressionListCommand,
} from './regulation.ts';
import { scheduleListCommand } from './schedule.ts';
import { spaceLogCommand } from './space.ts';
import { spaceTailCommand } from './space-tail.ts';
import { startCommand } from './start.ts';
import { syncPlanCommand, syncRunCommand } from './sync.ts';
import { syncCancelCommand, syncListCommand, syncShowCommand } from './sync-history.ts';
import { tokenCreateCommand, tokenListCommand, tokenRevokeCommand } from './token.ts';
import { usageCommand } from './usage.ts';

export const commands: readonly Command[] = [
  demoCommand,
  startCommand,
  applyCommand,
  modelPreviewCommand,
  destinationTestCommand,
  destinationSpacesCommand,
  mappingSuggestCommand,
  mappingTestCommand,
  mappingResetCommand,
  syncPlanCommand,
  syncRunCommand,
  syncListCommand,
  syncShowCommand,
  syncCancelCommand,
  scheduleListCommand,
  profileShowCommand,
  spaceLogCommand,
  spaceTailCommand,
  eventStreamCreateCommand,
  eventStreamListCommand,
  eventStreamShowCommand,
  eventStreamDisableCommand,
  eventStreamEnableCommand,
  eventStreamRemoveCommand,
  eventStreamLogCommand,
  oauthAppCreateCommand,
  oauthAppListCommand,
  oauthAppShowCommand,
  oauthAppAddKeyCommand,
  oauthAppRemoveKeyCommand,
  oauthAppRemoveCommand,
  usageCommand,
  alertListCommand,
  alertTestCommand,
  alertLogCommand,
  tokenCreateCommand,
  tokenListCommand,
  tokenRevokeCommand,
  auditCommand,
  personListCommand,
  personInviteCommand,
  personRolesCommand,
  personRemoveCommand,
  personResetPasswordCommand,
  regulationCreateCommand,
  regulationListCommand,
  regulationShowCommand,
  suppressionListCommand,
  doctorCommand,
];

/** What the first words of two-word commands are about. */
export const commandGroups: Readonly<Record<string, string>> = {
  model: 'Look at a model.',
  destination: 'Try the connection of a destination, and list its spaces.',
  mapping: 'Propose a mapping, try it, or begin it anew.',
  sync: 'Plan, run, list and cancel syncs.',
  schedule: 'See when mappings are synced by themselves.',
  profile: 'Look at a profile.',
  space: 'Look at a profile space.',
  'event-stream': 'Make, list, switch and remove sources that SDKs send to.',
  'oauth-app': 'Make, list and remove programs that get access tokens, and their keys.',
  alert: 'List and try alerts, and read what they said.',
  regulation: 'Delete and suppress people.',
  suppression: 'Look at who is suppressed.',
  token: 'Make, list and end access tokens.',
  person: 'Let people sign in to the web app, and end it.',
};
