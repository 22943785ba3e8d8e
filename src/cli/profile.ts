/** `profile show TYPE:VALUE`: one profile as the space has it. */

import { count } from '../base/count.ts';
import { MillraceError } from '../base/errors.ts';
import type { Database } from '../db/db.ts';
import {
  type Collection,
  channelsOf,
  createSpaceReader,
  type ExternalId,
  type Profile,
  type ProfileEvent,
  type ProfileKey,
  type ProfileLink,
  type ProfileTrait,
  type SpaceReader,
  type Subscription,
} from '../space/space.ts';
import { findSpace, listEventStreams, listSpaces, type Space } from '../workspace/workspace.ts';
import { argument, type Command, option } from './command.ts';
import { originNames } from './origin-names.ts';
import { facts, indent, paragraphs, printable, printableValue, table, time } from './text.ts';

const mostLinks = 100;
/** For people; the document has more. */
const linksShown = 10;
const mostEvents = 10;
/** Earlier and later than any event. */
const always = { from: new Date(0), before: new Date('+010000-01-01T00:00:00.000Z') };

export const profileShowCommand: Command = {
  name: 'profile show',
  description:
    'Show a profile: its identifiers, its traits with where they came from, what it consented and subscribed to, its links and its latest events.',
  arguments: [
    {
      name: 'TYPE:VALUE',
      description: 'an identifier, e.g. email:jane@example.com, or a segment id (use_…, acc_…)',
      required: true,
    },
  ],
  options: [
    { flags: '--space <SPACE>', description: 'name, id or write key of the space', defaultText: 'the only one' },
    {
      flags: '--collection <COLLECTION>',
      description: 'whose identifier it is',
      choices: ['users', 'accounts'],
      defaultText: 'as the identifier type says',
    },
  ],
  examples: ['millrace profile show email:jane@example.com', 'millrace profile show --space main group_id:acme --json'],
  async run(context, input) {
    const words = argument(input, 'TYPE:VALUE');
    const db = await context.database();
    const space = await chooseSpace(db, option(input, 'space'));
    const { key, collection } = readKey(words, space, option(input, 'collection') as Collection | undefined);
    const reader = createSpaceReader({ db });
    const profile = await reader.profile(space.no, collection, key);
    if (profile === null) throw notFound(words, collection, space);
    const itself = { kind: 'segment_id', id: profile.segmentId } as const;
    const links = (await reader.links(space.no, collection, itself, mostLinks))?.items ?? [];
    const latest = { ...always, order: 'newest first', limit: mostEvents } as const;
    const events = (await reader.events(space.no, collection, itself, latest))?.items ?? [];
    const subscriptions = await subscriptionsOf(reader, space, profile);
    const named = await originNames(db, profile.traits);
    const streams = new Map((await listEventStreams(db.pool)).map(({ id, name }) => [id, name]));
    const sourceName = (id: string) => streams.get(id) ?? id;
    const traits = profile.traits.map((trait) => ({ ...trait, origin: { ...trait.origin, ...named(trait.origin) } }));
    const { externalIds: identifiers, ...rest } = profile;
    return {
      document: { space: space.name, profile: { ...rest, identifiers, traits, subscriptions, links, events } },
      text: profileText(space, profile, { traits, subscriptions, links, events, sourceName }),
    };
  },
};

/** Of all contacts among the identifiers, as far as anything is known of them. */
async function subscriptionsOf(reader: SpaceReader, space: Space, profile: Profile): Promise<readonly Subscription[]> {
  const contacts = profile.externalIds.flatMap((id) => channelsOf(id).map((channel) => ({ channel, key: id.id })));
  const known = contacts.length === 0 ? [] : await reader.subscriptions(space.no, contacts);
  const place = ({ channel, key }: Subscription) =>
    contacts.findIndex((contact) => contact.channel === channel && contact.key === key);
  return [...known].sort((a, b) => place(a) - place(b));
}

async function chooseSpace(db: Database, given: string | undefined): Promise<Space> {
  if (given !== undefined) return findSpace(db.pool, given);
  const spaces = await listSpaces(db.pool);
  if (spaces.length === 1 && spaces[0] !== undefined) return spaces[0];
  if (spaces.length === 0) {
    throw new MillraceError('not_found', 'There is no space yet.', {
      help: 'Add one to the workspace file and apply it: millrace apply FILE.',
    });
  }
  throw new MillraceError('usage', 'There is more than one space; say which.', {
    help: `Add --space with one of: ${spaces.map(({ name }) => name).join(', ')}.`,
  });
}

interface AskedFor {
  readonly key: ProfileKey;
  readonly collection: Collection;
}

/** Error `usage`. */
function readKey(words: string, space: Space, given: Collection | undefined): AskedFor {
  const text = words.replace(/^segment_id:/, '');
  if (/^(use|acc)_[0-9A-Za-z]{27}$/.test(text)) {
    const collection = text.startsWith('acc_') ? 'accounts' : 'users';
    return { key: { kind: 'segment_id', id: text }, collection: given ?? collection };
  }
  const colon = words.indexOf(':');
  const [type, value] = [words.slice(0, colon), words.slice(colon + 1)];
  if (colon < 1 || value === '') {
    throw new MillraceError('usage', `${printable(words)} is neither TYPE:VALUE nor a segment id.`, {
      help: 'Write the type of the identifier, a colon and its value: email:jane@example.com.',
    });
  }
  const rule = space.settings.identifiers.find((one) => one.type === type);
  return { key: { kind: 'identifier', type, value }, collection: given ?? rule?.collection ?? 'users' };
}

function notFound(words: string, collection: Collection, space: Space): MillraceError {
  const type = words.slice(0, words.indexOf(':'));
  const types = space.settings.identifiers.filter((rule) => rule.collection === collection).map((rule) => rule.type);
  const hint = types.includes(type) || !words.includes(':') ? '' : ` The space knows the types ${types.join(', ')}.`;
  return new MillraceError(
    'profile_not_found',
    `The space ${space.name} has no profile ${printable(words)} among its ${collection}.`,
    {
      help: `Check type and value.${hint} millrace space log ${space.name} shows which messages and identifiers were not taken.`,
    },
  );
}

interface NamedTrait extends ProfileTrait {
  readonly origin: ProfileTrait['origin'] & { readonly mapping: string | null };
}

/** What is shown of a profile beside itself. */
interface Around {
  readonly traits: readonly NamedTrait[];
  readonly subscriptions: readonly Subscription[];
  readonly links: readonly ProfileLink[];
  readonly events: readonly ProfileEvent[];
  readonly sourceName: SourceName;
}

/** The name of an event stream; the id of another source. */
type SourceName = (sourceId: string) => string;

function profileText(space: Space, profile: Profile, around: Around): string {
  const { traits, subscriptions, links, events, sourceName } = around;
  const { segmentId, collection, mergedSegmentIds, externalIds } = profile;
  const heading = facts([
    ['profile', segmentId],
    ['space', `${space.name}, ${collection}`],
    ['created', time(new Date(profile.createdAt))],
    ['updated', time(new Date(profile.updatedAt))],
    ...(mergedSegmentIds.length === 0
      ? []
      : [['merged in', `${count(mergedSegmentIds.length)}: ${mergedSegmentIds.join(', ')}`] as const]),
  ]);
  return paragraphs(
    heading,
    section('Identifiers', externalIds, identifiersTable),
    section('Traits', traits, (items) => traitsTable(items, sourceName)),
    ...(collection === 'users'
      ? [
          section('Consent', Object.entries(profile.consent ?? {}), consentTable),
          section('Subscriptions', subscriptions, subscriptionsTable),
        ]
      : []),
    section('Links', links, linksTable),
    section('Events', events, (items) => eventsTable(items, sourceName)),
  );
}

function section<T>(title: string, items: readonly T[], show: (items: readonly T[]) => string): string {
  return items.length === 0 ? `${title}: none` : `${title}\n${indent(show(items))}`;
}

function identifiersTable(ids: readonly ExternalId[]): string {
  return table(
    [{ title: 'type' }, { title: 'value', most: 80 }, { title: 'first seen' }, { title: 'last seen' }],
    ids.map(({ type, id, createdAt, lastSeenAt }) => [type, id, time(new Date(createdAt)), time(new Date(lastSeenAt))]),
  );
}

function traitsTable(traits: readonly NamedTrait[], sourceName: SourceName): string {
  return table(
    [{ title: 'key', most: 40 }, { title: 'value', most: 60 }, { title: 'from' }, { title: 'updated' }],
    traits.map(({ key, value, origin }) => {
      const from = origin.mapping ?? origin.mappingId ?? sourceName(origin.sourceId);
      const sync = origin.syncId === null ? '' : `, ${origin.syncId}`;
      return [key, printableValue(value), `${from}${sync}`, time(new Date(origin.updatedAt))];
    }),
  );
}

function consentTable(categories: readonly (readonly [string, unknown])[]): string {
  const rows = [...categories].sort(([a], [b]) => (a < b ? -1 : 1));
  return table(
    [{ title: 'category', most: 60 }, { title: 'allowed' }],
    rows.map(([category, value]) => [category, value === 'conflict' ? 'conflict' : value === true ? 'yes' : 'no']),
  );
}

function subscriptionsTable(subscriptions: readonly Subscription[]): string {
  return table(
    [
      { title: 'channel' },
      { title: 'contact', most: 60 },
      { title: 'status' },
      { title: 'groups', most: 60 },
      { title: 'updated' },
    ],
    subscriptions.map(({ channel, key, status, groups, updatedAt }) => [
      channel,
      key,
      status ?? '',
      groups.map((group) => `${group.name}: ${group.status}`).join(', '),
      time(new Date(updatedAt)),
    ]),
  );
}

/** The latest come first; there may be more. */
function eventsTable(events: readonly ProfileEvent[], sourceName: SourceName): string {
  const shown = table(
    [{ title: 'at' }, { title: 'event', most: 40 }, { title: 'properties', most: 60 }, { title: 'from' }],
    events.map(({ name, timestamp, message, sourceId }) => [
      time(new Date(timestamp)),
      name,
      printableValue(message.properties ?? {}),
      sourceName(sourceId),
    ]),
  );
  return events.length < mostEvents ? shown : `${shown}\nthe latest ${mostEvents}`;
}

function linksTable(links: readonly ProfileLink[]): string {
  const shown = table(
    [{ title: 'to' }, { title: 'identifiers', most: 80 }, { title: 'since' }],
    links
      .slice(0, linksShown)
      .map(({ segmentId, externalIds, createdAt }) => [
        segmentId,
        externalIds.map(({ type, id }) => `${type}:${id}`).join(', '),
        time(new Date(createdAt)),
      ]),
  );
  if (links.length <= linksShown) return shown;
  const many = links.length === mostLinks ? `${mostLinks} and perhaps more` : count(links.length);
  return `${shown}\n… ${many} in all, the newest first; --json lists up to ${mostLinks}`;
}
