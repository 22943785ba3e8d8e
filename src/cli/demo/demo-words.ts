/** What the demo says, step by step. */

import { count, counted } from '../../base/count.ts';
import type { Sync, SyncPlan } from '../../sync/sync.ts';
import { duration, indent, printableValue } from '../text.ts';
import type { DemoServer, DemoStep, ShownProfile } from './demo.ts';
import type { SampleWarehouse } from './sample-warehouse.ts';

export function starting(folder: string, hasOwnDatabase: boolean): string {
  const ignored = hasOwnDatabase ? ' DATABASE_URL is left alone: the demo always has a database of its own.' : '';
  return `Starting Postgres in ${folder}.${ignored}`;
}

export function sampleMade({ customers, companies, orders }: SampleWarehouse, file: string): string {
  return `\n1. A sample warehouse, in DuckDB: ${count(customers)} customers, ${count(companies)} companies, ${count(orders)} orders.
   It has the flaws of real data: shared e-mail addresses, missing and repeated identifiers, odd characters.
   ${file}`;
}

export function applied(file: string): string {
  return `\n2. A configuration: a source, two models, a destination, two mappings and a profile space.
   ${file}`;
}

export function planned(step: DemoStep, effects: SyncPlan['effects']): string {
  const made =
    effects === null
      ? ''
      : `It would make ${counted(effects.profilesCreated, 'profile')} and ${counted(effects.accountsCreated, 'account')}, and merge ${count(effects.merged)}. `;
  return `\n3. A plan: what a first sync of the customers would do. Nothing is changed.
   ${count(step.extracted)} rows compared: ${count(step.added)} new, ${count(step.invalid)} invalid (no identifier, or one that is used twice).
   ${made}${took(step)}`;
}

export function firstSync(step: DemoStep, { effects }: Sync): string {
  const what = step.name.endsWith('companies') ? 'companies (Send Group)' : 'customers (Send Identify)';
  const number = step.name.endsWith('companies') ? '   Then' : '\n4. The first sync:';
  const invalid =
    step.invalid === 0 ? '' : ` ${count(step.invalid)} are invalid and were not sent: millrace sync show lists them.`;
  return `${number} ${count(step.extracted)} ${what}: ${count(step.delivered)} delivered, ${count(step.refused)} refused.${invalid}
   ${counted(effects.profilesCreated, 'profile')} and ${counted(effects.accountsCreated, 'account')} made, ${count(effects.traitsChanged)} traits set. ${took(step)}`;
}

export function profileRead({ profileUrl, token }: DemoServer, profile: ShownProfile): string {
  const ids = profile.external_ids.map(({ type, id }) => `${type} ${printableValue(id)}`).join(', ');
  const account = profile.links[0]?.external_ids[0]?.id;
  const traits = Object.entries(profile.traits).map(([key, value]) => `${key}: ${printableValue(value)}`);
  return `\n5. One profile, read through the Profile API:
   ${profile.segment_id} (${ids})${account === undefined ? '' : `, linked to account ${printableValue(account)}`}
${indent(traits.join('\n'), '     ')}
   Ask again:
     curl -u '${token}:' '${profileUrl}/traits?limit=200'`;
}

export function nothingToDo(people: DemoStep, companies: DemoStep): string {
  return `\n6. The second sync: ${count(people.unchanged)} customers and ${count(companies.unchanged)} companies are unchanged, so ${count(people.delivered + companies.delivered)} are delivered. ${took(people)}`;
}

export function changed(step: DemoStep, updated: number, deleted: number): string {
  return `\n7. In the warehouse, ${updated} customers got another plan and ${deleted} were deleted. The next sync finds just these:
   ${count(step.updated)} updated, ${count(step.deleted)} deleted, ${count(step.unchanged)} unchanged; ${count(step.delivered)} delivered, ${count(step.refused)} refused. ${took(step)}`;
}

export function summary({ profiles, accounts }: { profiles: number; accounts: number }, folder: string): string {
  return `\nThe space now holds ${count(profiles)} profiles and ${count(accounts)} accounts.
Look around:  npx millrace --data-folder '${folder}' sync list\n              (also: sync show ID, profile show user_id:c-00042, mapping test customers-identify)`;
}

export function serving({ url }: DemoServer, firstLink: string | null): string {
  const app = firstLink === null ? `Web app: ${url}` : `Web app: this link makes you its owner, once:\n  ${firstLink}`;
  return `\n${app}\nServing at ${url} until Ctrl-C. Routes of the Profile API: ${url}/openapi.json`;
}

function took(step: DemoStep): string {
  return `(${duration(step.seconds)}, ${count(step.rowsPerSecond)} rows/s)`;
}
